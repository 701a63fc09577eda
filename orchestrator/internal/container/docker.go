// SPDX-FileCopyrightText: The mlperf-ssd authors
// SPDX-License-Identifier: Apache-2.0

package container

import (
	"fmt"
	"strings"
)

// Docker is one run of the program on this machine, in a container that goes with it.
type Docker struct {
	Image   string
	Name    string
	User    string // uid:gid, whose the results are
	WorkDir string
	Mounts  []Mount
	GPUs    bool
	Env     []string // NAME=VALUE
	Command []string
}

// sharedMemory is for NCCL and Gloo: docker gives 64 MiB.
const sharedMemory = "8g"

// Args are the arguments of docker, without a terminal: all ranks run in one container, so it needs no
// network (loopback is there without) and none of the host's name spaces. Pinned memory needs memlock.
// SYS_NICE is no right of a process that is not root, but without it docker's filter of system calls
// refuses set_mempolicy, with which a rank binds its memory.
func (d Docker) Args() []string {
	args := []string{
		"run", "--rm", "--init", "--name=" + d.Name,
		"--network=none", "--shm-size=" + sharedMemory,
		"--ulimit=memlock=-1", "--ulimit=stack=67108864",
		"--cap-drop=ALL", "--cap-add=SYS_NICE", "--security-opt=no-new-privileges",
		"--read-only", "--tmpfs=/tmp", "--user=" + d.User, "--workdir=" + d.WorkDir,
	}
	if d.GPUs {
		args = append(args, "--gpus=all")
	}
	for _, m := range d.Mounts {
		mount := fmt.Sprintf("--mount=type=bind,src=%s,dst=%s", m.Path, m.Path)
		if m.ReadOnly {
			mount += ",readonly"
		}
		args = append(args, mount)
	}
	for _, e := range d.Env {
		args = append(args, "--env="+e)
	}
	return append(append(args, DockerImage(d.Image)), d.Command...)
}

// DockerImage is an image's name as docker wants it: Enroot's # becomes a slash again.
func DockerImage(image string) string {
	return strings.Replace(strings.TrimPrefix(image, "docker://"), "#", "/", 1)
}
