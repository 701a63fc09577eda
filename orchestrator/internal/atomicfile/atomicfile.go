// SPDX-FileCopyrightText: The mlperf-ssd authors
// SPDX-License-Identifier: Apache-2.0

// Package atomicfile writes files that are either whole or not there.
package atomicfile

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// Write makes path hold what content writes: into a temporary file of the same folder, which is synced
// and then renamed over path. A link is followed; a device, a pipe or a folder is refused. After an error
// path is as it was and the temporary file is gone; that of a killed process is removed by a later Write
// of the same path.
func Write(path string, content func(io.Writer) error) (err error) {
	if path, err = target(path); err != nil {
		return err
	}
	if err := removeAbandoned(path, time.Now().Add(-unlocked)); err != nil {
		return err
	}
	temporary, err := create(path)
	if err != nil {
		return err
	}
	_ = lock(temporary) // where there are no locks nothing is removed either
	defer func() {
		if err != nil {
			_ = temporary.Close()
			_ = os.Remove(temporary.Name())
		}
	}()
	buffered := bufio.NewWriterSize(temporary, 1<<16)
	if err := content(buffered); err != nil {
		return fmt.Errorf("%s: write: %w", path, err)
	}
	if err := buffered.Flush(); err != nil {
		return fmt.Errorf("%s: write: %w", path, err)
	}
	if err := temporary.Sync(); err != nil {
		return err
	}
	if err := temporary.Close(); err != nil {
		return err
	}
	if err := os.Rename(temporary.Name(), path); err != nil {
		return err
	}
	return syncFolder(filepath.Dir(path))
}

// WriteJSON makes path hold a document, indented.
func WriteJSON(path string, document any) error {
	return Write(path, func(w io.Writer) error {
		encoder := json.NewEncoder(w)
		encoder.SetIndent("", "  ")
		return encoder.Encode(document)
	})
}

// target is the file that path names. A rename over a device or a pipe would put a file in its place,
// for all programs.
func target(path string) (string, error) {
	resolved, err := filepath.EvalSymlinks(path)
	if err != nil {
		return path, nil // it is not there yet
	}
	if info, err := os.Stat(resolved); err == nil && !info.Mode().IsRegular() {
		return "", fmt.Errorf("%s: not a regular file", path)
	}
	return resolved, nil
}

const (
	suffix   = ".tmp"
	unlocked = time.Minute // a new file has no lock yet
)

// create makes a temporary file for path, which everybody may read whom the umask lets.
func create(path string) (*os.File, error) {
	name := prefix(path) + strconv.FormatUint(rand.Uint64(), 36) + suffix
	return os.OpenFile(filepath.Join(filepath.Dir(path), name), os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
}

func prefix(path string) string { return "." + filepath.Base(path) + "." }

// lock lasts until the file is closed, if only by the end of the process.
func lock(file *os.File) error { return unix.Flock(int(file.Fd()), unix.LOCK_EX|unix.LOCK_NB) }

// removeAbandoned removes the temporary files for path that nobody writes and that are older than a time.
func removeAbandoned(path string, before time.Time) error {
	entries, err := os.ReadDir(filepath.Dir(path))
	if err != nil {
		return err
	}
	for _, entry := range entries {
		name := entry.Name()
		if !entry.Type().IsRegular() || !strings.HasPrefix(name, prefix(path)) || !strings.HasSuffix(name, suffix) {
			continue
		}
		info, err := entry.Info()
		if err != nil || info.ModTime().After(before) {
			continue // another has removed it, or it is new
		}
		file, err := os.OpenFile(filepath.Join(filepath.Dir(path), name), os.O_RDWR, 0)
		if err != nil {
			continue
		}
		if lock(file) == nil {
			_ = os.Remove(file.Name())
		}
		_ = file.Close()
	}
	return nil
}

func syncFolder(path string) error {
	folder, err := os.Open(path)
	if err != nil {
		return err
	}
	if err := folder.Sync(); err != nil {
		_ = folder.Close()
		return err
	}
	return folder.Close()
}
