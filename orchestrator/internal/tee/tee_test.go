// SPDX-FileCopyrightText: The mlperf-ssd authors
// SPDX-License-Identifier: Apache-2.0

package tee

import (
	"bytes"
	"errors"
	"fmt"
	"testing"
)

// limited fails after some writes.
type limited struct {
	bytes.Buffer
	left int
}

var errFull = errors.New("full")

func (l *limited) Write(text []byte) (int, error) {
	if l.left--; l.left < 0 {
		return 0, errFull
	}
	return l.Buffer.Write(text)
}

func TestTheLogOutlivesItsCopy(t *testing.T) {
	var main bytes.Buffer
	copied, lost := &limited{left: 2}, 0
	w := New(&main, copied, func(err error) {
		lost++
		if !errors.Is(err, errFull) {
			t.Error(err)
		}
	})
	for i := range 4 {
		if n, err := fmt.Fprint(w, i); n != 1 || err != nil {
			t.Errorf("%d: %d, %v", i, n, err)
		}
	}
	if main.String() != "0123" || copied.String() != "01" || lost != 1 {
		t.Errorf("main %q, copy %q, lost %d times", main.String(), copied.String(), lost)
	}
}

func TestTheLogsOwnErrorIsTheCallers(t *testing.T) {
	var copied bytes.Buffer
	w := New(&limited{left: 1}, &copied, func(error) { t.Error("the copy is there") })
	_, first := w.Write([]byte("a"))
	if _, err := w.Write([]byte("b")); first != nil || !errors.Is(err, errFull) || copied.String() != "a" {
		t.Errorf("%v, %v, copy %q", first, err, copied.String())
	}
}
