// SPDX-FileCopyrightText: The mlperf-ssd authors
// SPDX-License-Identifier: Apache-2.0

// Package container makes the arguments with which docker and, under Slurm, Pyxis with Enroot run the
// program in an image: pure functions, nothing is started here. What is mounted keeps its path, so that
// a configuration means the same inside and outside.
package container

import (
	"cmp"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
)

// Program is where an image has the program (docker/Dockerfile.cpu, scripts/image-sqsh).
const Program = "/opt/mlperf-ssd/bin/mlperf-ssd"

// Mount is a folder or file of the host that the image gets, under the same path.
type Mount struct {
	Path     string // absolute
	ReadOnly bool
}

// Mounts puts mounts in the order in which they nest, the outer ones first, and leaves out those that
// another makes superfluous. A path that would hide a part of the image is an error.
func Mounts(wanted []Mount) ([]Mount, error) {
	for _, m := range wanted {
		if !filepath.IsAbs(m.Path) || filepath.Clean(m.Path) != m.Path {
			return nil, fmt.Errorf("container: mount %s: must be an absolute path", m.Path)
		}
		if strings.ContainsAny(m.Path, ",:\"\n") {
			return nil, fmt.Errorf("container: mount %s: a path with a comma, colon or quote cannot be mounted", m.Path)
		}
		for _, own := range []string{"/opt/mlperf-ssd", "/bin", "/dev", "/etc", "/lib", "/lib64", "/proc", "/sbin", "/sys", "/usr"} {
			if within(own, m.Path) || within(m.Path, own) {
				return nil, fmt.Errorf("container: mount %s: would hide %s of the image: move it elsewhere", m.Path, own)
			}
		}
	}
	sorted := slices.SortedStableFunc(slices.Values(wanted), func(a, b Mount) int {
		if c := strings.Compare(a.Path, b.Path); c != 0 {
			return c
		}
		return cmp.Compare(flag(a.ReadOnly), flag(b.ReadOnly)) // of two equal paths the writable one stays
	})
	var mounts []Mount
	for _, m := range sorted {
		covered := slices.ContainsFunc(mounts, func(outer Mount) bool {
			return m.Path == outer.Path || within(m.Path, outer.Path) && m.ReadOnly == outer.ReadOnly
		})
		if !covered {
			mounts = append(mounts, m)
		}
	}
	return mounts, nil
}

// within says whether a path is a folder or lies in it.
func within(path, folder string) bool {
	return path == folder || strings.HasPrefix(path, strings.TrimSuffix(folder, "/")+"/")
}

func flag(b bool) int {
	if b {
		return 1
	}
	return 0
}
