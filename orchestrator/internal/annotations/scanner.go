// SPDX-FileCopyrightText: The mlperf-ssd authors
// SPDX-License-Identifier: Apache-2.0

package annotations

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
)

const (
	bufferSize = 1 << 18
	// window is what a value may take at its start without a look at how much is left: the longest
	// number that is read, and more than any word.
	window    = 1 << 13
	maxNumber = window - 1
	maxDepth  = 900
	// maxRecord bounds what one image, annotation or category may keep.
	maxRecord = 32 << 20
)

// scanner reads JSON as Python's json.load does: NaN and Infinity are numbers, a key may stand twice.
// Every method leaves pos behind what it read; the first error is final.
type scanner struct {
	ctx   context.Context
	in    io.Reader
	buf   []byte // what was read
	pos   int    // of the next byte in buf
	eof   bool
	depth int
	done  int64 // bytes before buf
	lines int64 // line ends before buf

	sets    []*set // by depth, used again
	scratch []byte
}

func newScanner(ctx context.Context, in io.Reader) *scanner {
	return &scanner{ctx: ctx, in: in, buf: make([]byte, 0, bufferSize)}
}

// fill makes at least window bytes stand at pos, fewer only at the end of the file.
func (s *scanner) fill() error {
	if len(s.buf)-s.pos >= window || s.eof {
		return nil
	}
	if err := s.ctx.Err(); err != nil {
		return err
	}
	s.done += int64(s.pos)
	s.lines += int64(bytes.Count(s.buf[:s.pos], []byte{'\n'}))
	s.buf = s.buf[:copy(s.buf, s.buf[s.pos:])]
	s.pos = 0
	for len(s.buf) < window && !s.eof {
		n, err := s.in.Read(s.buf[len(s.buf):cap(s.buf)])
		s.buf = s.buf[:len(s.buf)+n]
		if errors.Is(err, io.EOF) {
			s.eof = true
		} else if err != nil {
			return err
		}
	}
	return nil
}

// fail is an error at the next byte.
func (s *scanner) fail(format string, args ...any) error { return s.failAt(s.pos, format, args...) }

func (s *scanner) failAt(pos int, format string, args ...any) error {
	line := s.lines + int64(bytes.Count(s.buf[:pos], []byte{'\n'})) + 1
	return fmt.Errorf("line %d, byte %d: %s", line, s.done+int64(pos), fmt.Sprintf(format, args...))
}

// found describes the next byte for an error.
func (s *scanner) found() string {
	if s.pos == len(s.buf) {
		return "the file ends"
	}
	if c := s.buf[s.pos]; c < 0x7f {
		return fmt.Sprintf("%q stands", rune(c))
	}
	return fmt.Sprintf("byte 0x%02x stands", s.buf[s.pos])
}

// next skips white space and gives the byte behind it, which is not yet read; 0 at the end.
func (s *scanner) next() (byte, error) {
	for {
		for i, c := range s.buf[s.pos:] {
			if c > ' ' || c != ' ' && c != '\n' && c != '\r' && c != '\t' {
				s.pos += i
				return c, s.fill()
			}
		}
		s.pos = len(s.buf)
		if s.eof {
			return 0, nil
		}
		if err := s.fill(); err != nil {
			return 0, err
		}
	}
}

// expect reads a byte.
func (s *scanner) expect(want byte) error {
	c, err := s.next()
	if err != nil {
		return err
	}
	if c != want {
		return s.fail("%s where %q must", s.found(), rune(want))
	}
	s.pos++
	return nil
}

// more reads what stands between the items of an array or object that ends with closing: whether
// another one follows. first tells that none was read.
func (s *scanner) more(closing byte, first bool) (bool, error) {
	c, err := s.next()
	switch {
	case err != nil:
		return false, err
	case c == closing:
		s.pos++
		s.depth--
		return false, nil
	case first:
		return true, nil
	case c != ',':
		return false, s.fail("%s where ',' or %q must", s.found(), rune(closing))
	}
	s.pos++
	c, err = s.next()
	if err == nil && c == closing {
		err = s.fail("%q stands behind a comma", rune(closing))
	}
	return true, err
}

// open reads the bracket that begins an array or object.
func (s *scanner) open(bracket byte) error {
	if err := s.expect(bracket); err != nil {
		return err
	}
	if s.depth++; s.depth > maxDepth {
		return s.fail("more than %d arrays and objects within each other", maxDepth)
	}
	return nil
}

// end makes sure that nothing but white space follows.
func (s *scanner) end() error {
	if _, err := s.next(); err != nil {
		return err
	}
	if s.pos < len(s.buf) {
		return s.fail("%s behind the end of the document", s.found())
	}
	return nil
}
