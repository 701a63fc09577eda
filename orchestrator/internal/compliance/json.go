// SPDX-FileCopyrightText: The mlperf-ssd authors
// SPDX-License-Identifier: Apache-2.0

package compliance

import (
	"bytes"
	"fmt"
)

// Python's limits: the official checker fails on what lies beyond.
const (
	maxDepth     = 900  // nested lists and objects
	maxIntDigits = 4300 // of an integer
)

// scanner walks over JSON as Python reads it (NaN and infinities are numbers, any byte from 0x20 up may
// stand in a string) without building values.
type scanner struct {
	text    []byte
	at      int
	depth   int
	problem string // the first
}

func (s *scanner) fail(format string, args ...any) bool {
	if s.problem == "" {
		s.problem = fmt.Sprintf("column %d: ", s.at+1) + fmt.Sprintf(format, args...)
	}
	return false
}

func (s *scanner) space() {
	for s.at < len(s.text) {
		switch s.text[s.at] {
		case ' ', '\t', '\n', '\r':
			s.at++
		default:
			return
		}
	}
}

// next is the byte at hand; 0 at the end, which no rule accepts.
func (s *scanner) next() byte {
	if s.at < len(s.text) {
		return s.text[s.at]
	}
	return 0
}

// value passes over one value; space before it is passed by the caller.
func (s *scanner) value() bool {
	switch c := s.next(); {
	case c == '"':
		return s.str()
	case c == '{':
		return s.object(nil)
	case c == '[':
		return s.list(nil)
	case c >= '0' && c <= '9':
		return s.number()
	case c == '-':
		if bytes.HasPrefix(s.text[s.at:], []byte("-Infinity")) {
			s.at += len("-Infinity")
			return true
		}
		return s.number()
	}
	for _, word := range [...]string{"null", "true", "false", "NaN", "Infinity"} {
		if len(s.text)-s.at >= len(word) && string(s.text[s.at:s.at+len(word)]) == word {
			s.at += len(word)
			return true
		}
	}
	if s.at == len(s.text) {
		return s.fail("the JSON ends too early")
	}
	return s.fail("no JSON value starts with %q", s.text[s.at])
}

func (s *scanner) number() bool {
	if s.next() == '-' {
		s.at++
	}
	start := s.at
	if s.next() == '0' {
		s.at++
	} else if s.digits() == 0 {
		return s.fail("a number without digits")
	}
	whole := s.at - start
	isInt := true
	if mark := s.at; s.next() == '.' {
		s.at++
		if s.digits() == 0 {
			s.at = mark // what stands here is no part of the number
			return true
		}
		isInt = false
	}
	if mark := s.at; s.next() == 'e' || s.next() == 'E' {
		s.at++
		if s.next() == '+' || s.next() == '-' {
			s.at++
		}
		if s.digits() == 0 {
			s.at = mark
			return true
		}
		isInt = false
	}
	if isInt && whole > maxIntDigits {
		return s.fail("an integer of %d digits", whole)
	}
	return true
}

func (s *scanner) digits() int {
	start := s.at
	for s.at < len(s.text) && s.text[s.at] >= '0' && s.text[s.at] <= '9' {
		s.at++
	}
	return s.at - start
}

// str passes over a string; the opening quote is at hand.
func (s *scanner) str() bool {
	text := s.text
	for i := s.at + 1; i < len(text); i++ {
		switch c := text[i]; {
		case c == '"':
			s.at = i + 1
			return true
		case c == '\\':
			i++
			if i == len(text) {
				break
			}
			if text[i] == 'u' {
				if _, ok := hex4(text[i+1:]); !ok {
					s.at = i
					return s.fail(`\u without four hexadecimal digits`)
				}
				i += 4
			} else if bytes.IndexByte([]byte(`"\/bfnrt`), text[i]) < 0 {
				s.at = i
				return s.fail(`\%c is no escape`, text[i])
			}
		case c < 0x20:
			s.at = i
			return s.fail("control character %#02x in a string", c)
		}
	}
	return s.fail("a string without end")
}

func hex4(text []byte) (value rune, ok bool) {
	if len(text) < 4 {
		return 0, false
	}
	for _, c := range text[:4] {
		switch {
		case c >= '0' && c <= '9':
			c -= '0'
		case c >= 'a' && c <= 'f':
			c -= 'a' - 10
		case c >= 'A' && c <= 'F':
			c -= 'A' - 10
		default:
			return 0, false
		}
		value = value<<4 | rune(c)
	}
	return value, true
}

// object passes over an object and shows each member, as text, to member if that is not nil.
func (s *scanner) object(member func(key, value Raw)) bool {
	return s.nested('}', func() bool {
		if s.next() != '"' {
			return s.fail("no name of a member")
		}
		start := s.at
		if !s.str() {
			return false
		}
		key := Raw(s.text[start:s.at])
		s.space()
		if s.next() != ':' {
			return s.fail("no colon behind a name")
		}
		s.at++
		s.space()
		start = s.at
		if !s.value() {
			return false
		}
		if member != nil {
			member(key, s.text[start:s.at])
		}
		return true
	})
}

// list passes over a list and shows each element, as text, to element if that is not nil.
func (s *scanner) list(element func(Raw)) bool {
	return s.nested(']', func() bool {
		start := s.at
		if !s.value() {
			return false
		}
		if element != nil {
			element(s.text[start:s.at])
		}
		return true
	})
}

// nested passes over an opening bracket, items with commas between, and the closing bracket.
func (s *scanner) nested(end byte, item func() bool) bool {
	if s.depth++; s.depth > maxDepth {
		return s.fail("nested more than %d times", maxDepth)
	}
	defer func() { s.depth-- }()
	s.at++
	if s.space(); s.next() == end {
		s.at++
		return true
	}
	for {
		if s.space(); !item() {
			return false
		}
		switch s.space(); s.next() {
		case ',':
			s.at++
		case end:
			s.at++
			return true
		default:
			return s.fail("neither a comma nor the end of a list or object")
		}
	}
}
