// SPDX-FileCopyrightText: The mlperf-ssd authors
// SPDX-License-Identifier: Apache-2.0

package rank

import (
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"go.uber.org/zap"
)

// write makes a log of two lines; between them something happens.
func write(t *testing.T, path string, meanwhile func() error) error {
	t.Helper()
	w := process{Options: Options{Stdout: io.Discard, Logger: zap.NewNop()}}
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		t.Fatal(err)
	}
	log, closeLog, err := w.openLog(path)
	if err != nil {
		t.Fatal(err)
	}
	_, first := io.WriteString(log, "one\n")
	if err := meanwhile(); err != nil {
		t.Fatal(err)
	}
	_, second := io.WriteString(log, "two\n")
	if first != nil || second != nil {
		t.Errorf("written: %v, %v", first, second)
	}
	return closeLog()
}

func TestALogThatIsRemovedIsThereAgain(t *testing.T) {
	path := filepath.Join(t.TempDir(), "results", "result_0.txt")
	for name, meanwhile := range map[string]func() error{
		"kept":   func() error { return nil },
		"log":    func() error { return os.Remove(path) },
		"folder": func() error { return os.RemoveAll(filepath.Dir(path)) },
		"moved":  func() error { return os.Rename(filepath.Dir(path), filepath.Dir(path)+".moved") },
	} {
		if err := write(t, path, meanwhile); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if text, err := os.ReadFile(path); err != nil || string(text) != "one\ntwo\n" {
			t.Errorf("%s: %q, %v", name, text, err)
		}
	}
}

func TestALogThatIsReplacedIsNamed(t *testing.T) {
	path := filepath.Join(t.TempDir(), "result_0.txt")
	err := write(t, path, func() error { return os.WriteFile(path+".other", nil, 0o600) })
	if err != nil {
		t.Error(err)
	}
	err = write(t, path, func() error { return os.Rename(path+".other", path) })
	if want := "log: " + path + " was replaced while it was written"; err == nil || !strings.HasPrefix(err.Error(), want) {
		t.Errorf("%v, want %s", err, want)
	}
}
