// SPDX-FileCopyrightText: The mlperf-ssd authors
// SPDX-License-Identifier: Apache-2.0

// Package build tells two builds of this program apart.
package build

import (
	"debug/elf"
	"fmt"
	"os"
	"strings"
)

// ID is the version and what the Go linker made of all that is in the running program.
func ID(version string) (string, error) {
	self, err := os.Executable()
	if err != nil {
		return "", fmt.Errorf("build: %w", err)
	}
	binary, err := elf.Open(self)
	if err != nil {
		return "", fmt.Errorf("build: %w", err)
	}
	defer func() { _ = binary.Close() }() // it was only read
	note := binary.Section(".note.go.buildid")
	if note == nil {
		return version, nil
	}
	data, err := note.Data()
	if err != nil {
		return "", fmt.Errorf("build: %s: %w", self, err)
	}
	const header = 16 // lengths, type, "Go\0\0"
	id := strings.TrimRight(string(data[min(header, len(data)):]), "\x00")
	if i := strings.LastIndexByte(id, '/'); i >= 0 { // the last part is the hash of the content
		id = id[i+1:]
	}
	return version + " " + id, nil
}
