// SPDX-FileCopyrightText: The mlperf-ssd authors
// SPDX-License-Identifier: Apache-2.0

// Package weights finds the weights that a run starts from, in a form that the engine reads.
package weights

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
)

const safetensorsSuffix = ".safetensors"

// Temporary gives the safetensors file for path: path itself, or "" for "", or one converted from a
// PyTorch file. done removes what was made.
func Temporary(path string) (safetensors string, done func(), err error) {
	if path == "" {
		return "", func() {}, nil
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

// Resolve gives the safetensors file for path: the file that it makes in scratchDir if path is a
// PyTorch file, by its name or by how it begins, else path itself, for the engine to judge.
func Resolve(path, scratchDir string) (string, error) {
	torch, err := isTorch(path)
	if err != nil || !torch {
		return path, err
	}
	base := filepath.Base(path)
	out := filepath.Join(scratchDir, strings.TrimSuffix(base, filepath.Ext(base))+safetensorsSuffix)
	_, err = Convert(path, out)
	return out, err
}

// isTorch tells the two .pth formats by their first bytes (spec section 15).
func isTorch(path string) (bool, error) {
	file, err := os.Open(path)
	if err != nil {
		return false, fmt.Errorf("weights: %w", err)
	}
	defer file.Close()
	switch filepath.Ext(path) {
	case ".pth", ".pt":
		return true, nil
	}
	start := make([]byte, 4)
	if _, err := io.ReadFull(file, start); err != nil {
		return false, nil // shorter than either; the engine says what it is
	}
	return bytes.Equal(start, []byte("PK\x03\x04")) || bytes.Equal(start, []byte{0x80, 2, 0x8a, 0x0a}), nil
}
