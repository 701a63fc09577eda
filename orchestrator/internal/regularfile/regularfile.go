// SPDX-FileCopyrightText: The mlperf-ssd authors
// SPDX-License-Identifier: Apache-2.0

// Package regularfile opens files that are read from any place, by their size.
package regularfile

import (
	"fmt"
	"io"
	"os"
	"syscall"
)

// Parse opens the regular file at path and gives it to parse by its size; the caller closes the file when
// it is done with what that made. Of a pipe or a device it is an error, at once. Errors name the file.
func Parse[T any](path string, parse func(name string, source io.ReaderAt, size int64) (T, error)) (T, io.Closer, error) {
	var none T
	file, size, err := open(path)
	if err != nil {
		return none, nil, err
	}
	parsed, err := parse(path, file, size)
	if err != nil {
		_ = file.Close()
		return none, nil, err
	}
	return parsed, file, nil
}

// open gives the file and its size; the caller closes it.
func open(path string) (*os.File, int64, error) {
	file, err := os.OpenFile(path, os.O_RDONLY|syscall.O_NONBLOCK, 0) // a pipe does not wait for its writer
	if err != nil {
		return nil, 0, err
	}
	info, err := file.Stat()
	if err == nil && !info.Mode().IsRegular() {
		err = fmt.Errorf("%s: not a regular file", path)
	}
	if err != nil {
		_ = file.Close()
		return nil, 0, err
	}
	return file, info.Size(), nil
}
