// SPDX-FileCopyrightText: The mlperf-ssd authors
// SPDX-License-Identifier: Apache-2.0

// Package lines cuts what a program writes into lines.
package lines

import "bytes"

// Max bounds what is held of a line, in bytes without its newline.
const Max = 1 << 16

// Writer hands each line that is written to Each when it is whole, with its newline; one that is longer
// than Max in pieces, each with a newline. The bytes are Each's until it returns. Not safe for concurrent
// use.
type Writer struct {
	Each func(line []byte) error // its error is that of Write, which drops the rest

	partial []byte
}

func (w *Writer) Write(text []byte) (int, error) {
	for rest := text; len(rest) > 0; {
		room := Max - len(w.partial)
		end := bytes.IndexByte(rest, '\n')
		switch {
		case end < 0 && len(rest) <= room:
			w.partial = append(w.partial, rest...)
			return len(text), nil
		case end >= 0 && end <= room:
			w.partial = append(w.partial, rest[:end]...)
			rest = rest[end+1:]
		default:
			w.partial = append(w.partial, rest[:room]...)
			rest = rest[room:]
		}
		err := w.Each(append(w.partial, '\n'))
		w.partial = w.partial[:0]
		if err != nil {
			return 0, err
		}
	}
	return len(text), nil
}

// Flush hands on a last line without an end, with one.
func (w *Writer) Flush() error {
	if len(w.partial) == 0 {
		return nil
	}
	_, err := w.Write([]byte("\n"))
	return err
}
