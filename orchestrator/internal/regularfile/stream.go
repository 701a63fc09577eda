// SPDX-FileCopyrightText: The mlperf-ssd authors
// SPDX-License-Identifier: Apache-2.0

package regularfile

import (
	"fmt"
	"io/fs"
	"os"
	"syscall"

	"golang.org/x/sys/unix"
)

// Stream opens what is read once, from front to back: a file, or a pipe that the shell has opened, as
// `<(command)` does. A folder is an error, and so is a pipe with a name: whoever opens it waits for a
// writer, and that may be for ever. The caller closes the file.
func Stream(path string) (*os.File, error) {
	file, err := os.OpenFile(path, os.O_RDONLY|syscall.O_NONBLOCK, 0) // a pipe does not wait for its writer
	if err != nil {
		return nil, err
	}
	info, err := file.Stat()
	switch {
	case err != nil:
	case info.IsDir():
		err = fmt.Errorf("%s: is a folder, must be a file", path)
	case info.Mode()&fs.ModeNamedPipe != 0 && hasName(file):
		err = fmt.Errorf("%s: is a named pipe, must be a file: `<(cat %s)` reads one", path, path)
	}
	if err != nil {
		_ = file.Close()
		return nil, err
	}
	return file, nil
}

// hasName tells the pipe of a file system from that of a process.
func hasName(pipe *os.File) bool {
	var system unix.Statfs_t
	return unix.Fstatfs(int(pipe.Fd()), &system) != nil || system.Type != unix.PIPEFS_MAGIC
}
