// SPDX-FileCopyrightText: The mlperf-ssd authors
// SPDX-License-Identifier: Apache-2.0

// Package regularfile opens files for reading, and does not wait for what may never come: the writer of a
// pipe.
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
	file, err := Open(path)
	if err != nil {
		return none, nil, err
	}
	info, err := file.Stat()
	if err != nil {
		_ = file.Close()
		return none, nil, err
	}
	parsed, err := parse(path, file, info.Size())
	if err != nil {
		_ = file.Close()
		return none, nil, err
	}
	return parsed, file, nil
}

// Open opens the regular file at path. Of a pipe, a device or a folder it is an error, at once. The caller
// closes the file.
func Open(path string) (*os.File, error) {
	file, err := os.OpenFile(path, os.O_RDONLY|syscall.O_NONBLOCK, 0) // a pipe does not wait for its writer
	if err != nil {
		return nil, err
	}
	info, err := file.Stat()
	if err == nil && !info.Mode().IsRegular() {
		err = fmt.Errorf("%s: not a regular file", path)
	}
	if err != nil {
		_ = file.Close()
		return nil, err
	}
	return file, nil
}
