// SPDX-FileCopyrightText: The mlperf-ssd authors
// SPDX-License-Identifier: Apache-2.0

package atomicfile

import (
	"errors"
	"io"
	"os"
	"path/filepath"
	"slices"
	"syscall"
	"testing"
	"time"
)

func contentOf(t *testing.T, path string) string {
	t.Helper()
	content, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(content)
}

func TestWriteReplaces(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a")
	for _, want := range []string{"first", "second"} {
		err := Write(path, func(w io.Writer) error { _, err := io.WriteString(w, want); return err })
		if err != nil {
			t.Fatal(err)
		}
		if got := contentOf(t, path); got != want {
			t.Errorf("content %q, want %q", got, want)
		}
	}
}

func TestFailedWriteLeavesTheOldFileAndNothingElse(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a")
	if err := os.WriteFile(path, []byte("old"), 0o600); err != nil {
		t.Fatal(err)
	}
	full := errors.New("disk full")
	err := Write(path, func(w io.Writer) error {
		if _, err := io.WriteString(w, "half"); err != nil {
			return err
		}
		return full
	})
	if !errors.Is(err, full) {
		t.Errorf("error %v, want %v", err, full)
	}
	if got := contentOf(t, path); got != "old" {
		t.Errorf("content %q, want the old one", got)
	}
	entries, err := os.ReadDir(filepath.Dir(path))
	if err != nil || len(entries) != 1 {
		t.Errorf("%d files left, want 1 (%v)", len(entries), err)
	}
}

func TestNoFileTakesThePlaceOfAPipeOrAFolder(t *testing.T) {
	dir := t.TempDir()
	pipe, link := filepath.Join(dir, "pipe"), filepath.Join(dir, "link")
	if err := errors.Join(syscall.Mkfifo(pipe, 0o600), os.Symlink(pipe, link)); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{pipe, link, dir} {
		err := Write(path, func(io.Writer) error { return nil })
		if err == nil || err.Error() != path+": not a regular file" {
			t.Errorf("error %v of %s", err, path)
		}
	}
	if info, err := os.Stat(link); err != nil || info.Mode().Type() != os.ModeNamedPipe {
		t.Errorf("the pipe is %v now (%v)", info, err)
	}
}

func TestLinkIsFollowed(t *testing.T) {
	dir := t.TempDir()
	link := filepath.Join(dir, "link")
	if err := errors.Join(os.WriteFile(filepath.Join(dir, "file"), nil, 0o600), os.Symlink("file", link)); err != nil {
		t.Fatal(err)
	}
	if err := Write(link, func(w io.Writer) error { _, err := io.WriteString(w, "new"); return err }); err != nil {
		t.Fatal(err)
	}
	if got := contentOf(t, filepath.Join(dir, "file")); got != "new" {
		t.Errorf("the file holds %q, want new", got)
	}
}

func TestUmaskHolds(t *testing.T) {
	before := syscall.Umask(0o077)
	defer syscall.Umask(before)
	path := filepath.Join(t.TempDir(), "a")
	if err := Write(path, func(io.Writer) error { return nil }); err != nil {
		t.Fatal(err)
	}
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("%v (%v), want mode 600", info.Mode(), err)
	}
}

func TestTemporaryFilesOfKilledProcessesAreRemoved(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "a")
	old := time.Now().Add(-2 * unlocked)
	for name, changed := range map[string]time.Time{".a.1.tmp": old, ".a.2.tmp": time.Now(), ".a.3.tmp": old, ".b.1.tmp": old, "a.1.tmp": old} {
		if err := os.WriteFile(filepath.Join(dir, name), nil, 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Chtimes(filepath.Join(dir, name), changed, changed); err != nil {
			t.Fatal(err)
		}
	}
	living, err := os.OpenFile(filepath.Join(dir, ".a.3.tmp"), os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer living.Close()
	if err := lock(living); err != nil {
		t.Fatal(err)
	}
	if err := Write(path, func(io.Writer) error { return nil }); err != nil {
		t.Fatal(err)
	}
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	var left []string
	for _, entry := range entries {
		left = append(left, entry.Name())
	}
	if want := []string{".a.2.tmp", ".a.3.tmp", ".b.1.tmp", "a", "a.1.tmp"}; !slices.Equal(left, want) {
		t.Errorf("left %v, want %v", left, want)
	}
}
