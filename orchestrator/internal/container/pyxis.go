// SPDX-FileCopyrightText: The mlperf-ssd authors
// SPDX-License-Identifier: Apache-2.0

package container

import (
	"fmt"
	"path/filepath"
	"strings"
)

// Pyxis is a named container of a Slurm job.
type Pyxis struct {
	Image   string // as Enroot wants it: see EnrootImage
	Name    string // see PyxisName
	WorkDir string
	Mounts  []Mount
}

// PyxisName names a container after its job and start. A named container outlives its job, and naming
// an old one with a new image silently runs the old one; so no name serves twice.
func PyxisName(job string, restarts int) string {
	return fmt.Sprintf("mlperf-ssd-%s-%d", job, restarts)
}

// Create are the options of the step that makes the container on every node.
func (p Pyxis) Create() []string {
	return []string{"--container-image=" + p.Image, "--container-name=" + p.Name}
}

// Enter are the options of a step in the container. The working directory would be the image's, the
// root file system is read-only, and every mount must exist on every node.
func (p Pyxis) Enter() []string {
	options := []string{"--container-name=" + p.Name, "--container-workdir=" + p.WorkDir}
	if len(p.Mounts) == 0 {
		return options
	}
	var mounts []string
	for _, m := range p.Mounts {
		mount := m.Path + ":" + m.Path
		if m.ReadOnly {
			mount += ":ro"
		}
		mounts = append(mounts, mount)
	}
	return append(options, "--container-mounts="+strings.Join(mounts, ","))
}

// Remove is the command that removes the container from a node, under either name that Pyxis gives it
// (container_scope global or job). It is no error if the container is gone already.
func (p Pyxis) Remove(job string) []string {
	const script = `for name; do enroot remove -f "$name" >/dev/null 2>&1; done; true`
	return []string{"sh", "-c", script, "sh", "pyxis_" + p.Name, "pyxis_" + job + "_" + p.Name}
}

// EnrootImage turns the name of an image into Enroot's: a registry is followed by # (behind a slash
// Enroot takes it for a user of Docker Hub and gets 401), a .sqsh file is named by its absolute path.
func EnrootImage(image, dir string) (string, error) {
	scheme, rest, hasScheme := strings.Cut(image, "://")
	switch {
	case image == "" || strings.ContainsAny(image, " \t\n"):
		return "", fmt.Errorf("container: image %q: no name of an image", image)
	case hasScheme && scheme != "docker":
		return "", fmt.Errorf("container: image %s: of the schemes only docker:// works with Pyxis", image)
	case hasScheme:
		return scheme + "://" + withHash(rest), nil
	case strings.HasSuffix(image, ".sqsh"), strings.HasPrefix(image, "/"), strings.HasPrefix(image, "./"), strings.HasPrefix(image, "../"):
		if filepath.IsAbs(image) {
			return filepath.Clean(image), nil
		}
		return filepath.Join(dir, image), nil
	}
	return withHash(image), nil
}

func withHash(image string) string {
	registry, rest, found := strings.Cut(image, "/")
	if !found || strings.Contains(image, "#") || !strings.ContainsAny(registry, ".:") && registry != "localhost" {
		return image
	}
	return registry + "#" + rest
}
