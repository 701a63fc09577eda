// SPDX-FileCopyrightText: The mlperf-ssd authors
// SPDX-License-Identifier: Apache-2.0

// Package weights finds the weights that a run starts from, in a form that the engine reads.
package weights

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

const safetensorsSuffix = ".safetensors"

// Temporary gives the safetensors file for path: path itself, or "" for "", or one converted from a
// .pth file. done removes what was made.
func Temporary(path string) (safetensors string, done func(), err error) {
	if path == "" || strings.HasSuffix(path, safetensorsSuffix) {
		return path, func() {}, nil
	}
	scratch, err := os.MkdirTemp("", "mlperf-ssd-weights-*")
	if err != nil {
		return "", nil, fmt.Errorf("weights: %w", err)
	}
	done = func() { _ = os.RemoveAll(scratch) }
	if safetensors, err = Resolve(path, scratch); err != nil {
		done()
		return "", nil, err
	}
	return safetensors, done, nil
}

// Resolve gives the safetensors file for path: path itself if it is one, else the file that it makes
// in scratchDir from a .pth file.
func Resolve(path, scratchDir string) (string, error) {
	base := filepath.Base(path)
	switch suffix := filepath.Ext(base); suffix {
	case safetensorsSuffix:
		return path, nil
	case ".pth", ".pt":
		out := filepath.Join(scratchDir, strings.TrimSuffix(base, suffix)+safetensorsSuffix)
		_, err := Convert(path, out)
		return out, err
	default:
		return "", fmt.Errorf("weights: %s: the name must end in .pth, .pt or %s", path, safetensorsSuffix)
	}
}
