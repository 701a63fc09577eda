// SPDX-FileCopyrightText: The mlperf-ssd authors
// SPDX-License-Identifier: Apache-2.0

package regularfile

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

func TestParse(t *testing.T) {
	path := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(path, []byte("12345"), 0o600); err != nil {
		t.Fatal(err)
	}
	text, closer, err := Parse(path, content)
	if err != nil {
		t.Fatal(err)
	}
	if text != path+": 12345" {
		t.Errorf("got %q", text)
	}
	if err := closer.Close(); err != nil {
		t.Errorf("the file was closed already: %v", err)
	}
}

func content(name string, source io.ReaderAt, size int64) (string, error) {
	text := make([]byte, size)
	_, err := source.ReadAt(text, 0)
	return name + ": " + string(text), err
}

func TestParseRefuses(t *testing.T) {
	folder := t.TempDir()
	pipe := filepath.Join(folder, "pipe") // has no writer: opening it the usual way never returns
	if err := syscall.Mkfifo(pipe, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{pipe, folder, os.DevNull} {
		if _, _, err := Parse(path, content); err == nil || !strings.Contains(err.Error(), path+": not a regular file") {
			t.Errorf("Parse(%s): %v", path, err)
		}
	}
	if _, _, err := Parse(filepath.Join(folder, "none"), content); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("of no file: %v", err)
	}
}
