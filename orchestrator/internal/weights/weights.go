// SPDX-FileCopyrightText: The mlperf-ssd authors
// SPDX-License-Identifier: Apache-2.0

// Package weights finds the weights that a run starts from, in a form that the engine reads.
package weights

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"mlperf-ssd/orchestrator/internal/regularfile"
	"mlperf-ssd/orchestrator/internal/tensorfile"
)

// Temporary gives the safetensors file for path: the conversion of a PyTorch file, or path itself, for the
// engine to judge. The conversion is a file without a name, of this process alone, so that nothing of it
// outlives a kill; done lets it go.
func Temporary(path string) (safetensors string, done func(), err error) {
	if path == "" {
		return "", func() {}, nil
	}
	torch, err := isTorch(path)
	if err != nil || !torch {
		return path, func() {}, err
	}
	file, err := unnamed()
	if err != nil {
		return "", nil, fmt.Errorf("weights: %w", err)
	}
	_, err = convert(path, func(items []tensorfile.Item, metadata map[string]string) error {
		buffered := bufio.NewWriterSize(file, 1<<16)
		return errors.Join(tensorfile.Encode(buffered, items, metadata), buffered.Flush())
	})
	if err != nil {
		return "", nil, errors.Join(fmt.Errorf("weights: convert: %w", err), file.Close())
	}
	return fmt.Sprintf("/proc/self/fd/%d", file.Fd()), func() { _ = file.Close() }, nil
}

// unnamed makes a temporary file that goes with its descriptor.
func unnamed() (*os.File, error) {
	file, err := os.CreateTemp("", "mlperf-ssd-weights-*")
	if err != nil {
		return nil, err
	}
	if err := os.Remove(file.Name()); err != nil {
		return nil, errors.Join(err, file.Close())
	}
	return file, nil
}

// isTorch tells the two .pth formats by their name or their first bytes (spec section 15).
func isTorch(path string) (bool, error) {
	file, err := regularfile.Open(path)
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
