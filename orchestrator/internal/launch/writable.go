// SPDX-FileCopyrightText: The mlperf-ssd authors
// SPDX-License-Identifier: Apache-2.0

package launch

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"

	"mlperf-ssd/orchestrator/internal/config"
	"mlperf-ssd/orchestrator/internal/trial"
)

// checkWritable looks for what would keep a launch from writing its results, and changes nothing.
func checkWritable(c *config.Config) error {
	for _, folder := range outputs(c) {
		if err := mayMake(folder.dir); err != nil {
			return fmt.Errorf("%s: %s: files cannot be made there: %w", c.Origin(folder.key), folder.key, err)
		}
	}
	for _, file := range append(logsOf(c), trial.File(c)) {
		if err := mayReplace(file); err != nil {
			return fmt.Errorf("%s: run.log_dir: %w: move it away, or name another folder", c.Origin("run.log_dir"), err)
		}
	}
	return nil
}

type output struct{ key, dir string }

// outputs are the folders that a launch writes into.
func outputs(c *config.Config) []output {
	folders := []output{{"run.log_dir", c.Run.LogDir}}
	if dir := c.Eval.Detections; dir != "" {
		folders = append(folders, output{"eval.detections", dir})
	}
	return folders
}

// makeOutputs makes them.
func makeOutputs(c *config.Config) error {
	for _, folder := range outputs(c) {
		if err := os.MkdirAll(folder.dir, 0o755); err != nil {
			return fmt.Errorf("%s: %w", folder.key, err)
		}
	}
	return nil
}

// mayMake is an error if this process cannot make files in a folder, or where it is not there yet, the
// folder.
func mayMake(dir string) error {
	for {
		info, err := os.Stat(dir)
		switch {
		case err == nil && !info.IsDir():
			return &fs.PathError{Op: "open", Path: dir, Err: unix.ENOTDIR}
		case err == nil:
			if err := unix.Faccessat(unix.AT_FDCWD, dir, unix.W_OK|unix.X_OK, unix.AT_EACCESS); err != nil {
				return &fs.PathError{Op: "write", Path: dir, Err: err}
			}
			return nil
		case !errors.Is(err, fs.ErrNotExist):
			return err
		}
		if _, linkErr := os.Lstat(dir); linkErr == nil { // to nowhere
			return err
		}
		above := filepath.Dir(dir)
		if above == dir {
			return err
		}
		dir = above
	}
}

// mayReplace is an error if there is something at path that is no file, which would be waited for, or
// one that this process may not write.
func mayReplace(path string) error {
	info, err := os.Stat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil
	case err != nil:
		return err
	case !info.Mode().IsRegular():
		return fmt.Errorf("%s: not a regular file", path)
	}
	if err := unix.Faccessat(unix.AT_FDCWD, path, unix.W_OK, unix.AT_EACCESS); err != nil {
		return &fs.PathError{Op: "write", Path: path, Err: err}
	}
	return nil
}
