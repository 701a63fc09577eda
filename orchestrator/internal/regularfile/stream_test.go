// SPDX-FileCopyrightText: The mlperf-ssd authors
// SPDX-License-Identifier: Apache-2.0

package regularfile

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// read is what Stream gives of a path.
func read(t *testing.T, path string) string {
	t.Helper()
	file, err := Stream(path)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	text, err := io.ReadAll(file)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func TestStream(t *testing.T) {
	path := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(path, []byte("12345"), 0o600); err != nil {
		t.Fatal(err)
	}
	if got := read(t, path); got != "12345" {
		t.Errorf("of a file: %q", got)
	}
	if got := read(t, os.DevNull); got != "" {
		t.Errorf("of nothing: %q", got)
	}
}

// What a shell makes of <(command): a pipe without a name, whose writer may be slow.
func TestStreamWaitsForAnOpenPipe(t *testing.T) {
	reader, writer, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer reader.Close()
	go func() {
		for _, word := range []string{"one ", "two"} {
			if _, err := io.WriteString(writer, word); err != nil {
				t.Error(err)
			}
		}
		if err := writer.Close(); err != nil {
			t.Error(err)
		}
	}()
	if got := read(t, fmt.Sprintf("/proc/self/fd/%d", reader.Fd())); got != "one two" {
		t.Errorf("got %q", got)
	}
}

func TestStreamRefuses(t *testing.T) {
	folder := t.TempDir()
	pipe := filepath.Join(folder, "pipe") // has no writer
	if err := syscall.Mkfifo(pipe, 0o600); err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]string{
		pipe:                             "is a named pipe, must be a file",
		folder:                           "is a folder, must be a file",
		filepath.Join(folder, "nothing"): "no such file",
	} {
		if _, err := Stream(path); err == nil || !strings.Contains(err.Error(), path) || !strings.Contains(err.Error(), want) {
			t.Errorf("Stream(%s): %v, want %q", path, err, want)
		}
	}
}
