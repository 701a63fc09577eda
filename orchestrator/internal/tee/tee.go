// SPDX-FileCopyrightText: The mlperf-ssd authors
// SPDX-License-Identifier: Apache-2.0

// Package tee copies what is written to a second place that may go away, as a pipe whose reader has
// seen enough: that does not end a run of hours.
package tee

import (
	"io"
	"sync"
)

// New writes to main, whose errors are the caller's, and to copy until that fails: lost hears it once.
// Safe for concurrent use.
func New(main, copy io.Writer, lost func(error)) io.Writer {
	return &writer{main: main, copy: copy, lost: lost}
}

type writer struct {
	main, copy io.Writer
	lost       func(error)

	mu   sync.Mutex
	gone bool
}

func (w *writer) Write(text []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	n, err := w.main.Write(text)
	if err != nil || w.gone {
		return n, err
	}
	if _, err := w.copy.Write(text); err != nil {
		w.gone = true
		w.lost(err)
	}
	return n, nil
}
