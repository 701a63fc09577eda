// SPDX-FileCopyrightText: The mlperf-ssd authors
// SPDX-License-Identifier: Apache-2.0

package annotations

import (
	"unicode/utf16"
	"unicode/utf8"
)

// text reads a string and appends it to out as Python's json.dump writes it: ASCII, everything else
// and control characters as \uXXXX.
func (s *scanner) text(out []byte) ([]byte, error) {
	if err := s.expect('"'); err != nil {
		return out, err
	}
	out = append(out, '"')
	for {
		if err := s.fill(); err != nil {
			return out, err
		}
		if len(out) > maxRecord {
			return out, s.fail("a record of more than %d bytes", maxRecord)
		}
		rest := s.buf[s.pos:]
		n := plain(rest)
		out = append(out, rest[:n]...)
		s.pos += n
		if n == len(rest) {
			if s.eof {
				return out, s.fail("the file ends within a text")
			}
			continue
		}
		var err error
		switch c := rest[n]; {
		case c == '"':
			s.pos++
			return append(out, c), nil
		case c == '\\':
			out, err = s.escape(out)
		case c < ' ':
			err = s.fail("a control character 0x%02x within a text", c)
		default:
			out, err = s.character(out)
		}
		if err != nil {
			return out, err
		}
	}
}

// plain counts the bytes at the start that stand for themselves.
func plain(b []byte) int {
	for i, c := range b {
		if c < ' ' || c == '"' || c == '\\' || c >= 0x7f {
			return i
		}
	}
	return len(b)
}

// character reads one that is not plain ASCII.
func (s *scanner) character(out []byte) ([]byte, error) {
	if err := s.fill(); err != nil {
		return out, err
	}
	r, n := utf8.DecodeRune(s.buf[s.pos:])
	if r == utf8.RuneError && n <= 1 {
		return out, s.fail("byte 0x%02x is no UTF-8", s.buf[s.pos])
	}
	s.pos += n
	if high, low := utf16.EncodeRune(r); high != utf8.RuneError {
		return unicode(unicode(out, high), low), nil
	}
	return unicode(out, r), nil
}

func unicode(out []byte, r rune) []byte {
	const digits = "0123456789abcdef"
	return append(out, '\\', 'u', digits[r>>12&15], digits[r>>8&15], digits[r>>4&15], digits[r&15])
}

// escape reads a backslash and what it escapes.
func (s *scanner) escape(out []byte) ([]byte, error) {
	if err := s.fill(); err != nil {
		return out, err
	}
	rest := s.buf[s.pos:]
	if len(rest) < 2 {
		return out, s.fail("the file ends within a text")
	}
	switch c := rest[1]; c {
	case '"', '\\', 'b', 'f', 'n', 'r', 't':
		s.pos += 2
		return append(out, '\\', c), nil
	case '/':
		s.pos += 2
		return append(out, c), nil
	case 'u':
		r, ok := hex4(rest[2:])
		if !ok {
			return out, s.fail("\\u needs four hexadecimal digits")
		}
		s.pos += 6
		return escaped(out, r), nil
	default:
		return out, s.fail("\\%c is no escape", c)
	}
}

// escaped appends the character of a \u escape.
func escaped(out []byte, r rune) []byte {
	switch {
	case r >= ' ' && r <= '~' && r != '"' && r != '\\':
		return append(out, byte(r))
	case r == '"' || r == '\\':
		return append(out, '\\', byte(r))
	}
	for short, c := range map[byte]rune{'b': '\b', 'f': '\f', 'n': '\n', 'r': '\r', 't': '\t'} {
		if r == c {
			return append(out, '\\', short)
		}
	}
	return unicode(out, r)
}

func hex4(b []byte) (rune, bool) {
	if len(b) < 4 {
		return 0, false
	}
	var r rune
	for _, c := range b[:4] {
		switch {
		case c >= '0' && c <= '9':
			r = r<<4 | rune(c-'0')
		case c|0x20 >= 'a' && c|0x20 <= 'f':
			r = r<<4 | rune(c|0x20-'a'+10)
		default:
			return 0, false
		}
	}
	return r, true
}
