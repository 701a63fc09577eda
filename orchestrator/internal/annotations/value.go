// SPDX-FileCopyrightText: The mlperf-ssd authors
// SPDX-License-Identifier: Apache-2.0

package annotations

import "bytes"

// value reads any value and, if keep is set, appends it to out; level is how far lines of it are
// indented.
func (s *scanner) value(out []byte, keep bool, p layout, level int) ([]byte, error) {
	if len(out) > maxRecord {
		return out, s.fail("a record of more than %d bytes", maxRecord)
	}
	c, err := s.next()
	if err != nil {
		return out, err
	}
	switch {
	case c-'0' <= 9:
		return s.number(out, keep)
	case c == '{' && keep:
		return s.object(out, p, level, keepAll)
	case c == '{':
		return out, s.skipObject()
	case c == '[' && keep:
		return s.array(out, p, level)
	case c == '[':
		return out, s.skipArray()
	case c == '"':
		from := len(out)
		out, err = s.text(out)
		if !keep {
			out = out[:from]
		}
		return out, err
	}
	for _, word := range []string{"true", "false", "null", "NaN", "Infinity", "-Infinity"} {
		if bytes.HasPrefix(s.buf[s.pos:], []byte(word)) {
			s.pos += len(word)
			if keep {
				out = append(out, word...)
			}
			return out, nil
		}
	}
	if c == '-' {
		return s.number(out, keep)
	}
	return out, s.fail("%s where a value must", s.found())
}

func (s *scanner) array(out []byte, p layout, level int) ([]byte, error) {
	if err := s.open('['); err != nil {
		return out, err
	}
	out = append(out, '[')
	for first := true; ; first = false {
		more, err := s.more(']', first)
		if err != nil {
			return out, err
		}
		if !more {
			return p.close(out, ']', level, first), nil
		}
		if out, err = s.value(p.item(out, level+1, first), true, p, level+1); err != nil {
			return out, err
		}
	}
}

// skipArray is array for values that nobody keeps. Nearly all of a file are the numbers in such.
func (s *scanner) skipArray() error {
	if err := s.open('['); err != nil {
		return err
	}
	for first := true; ; first = false {
		more, err := s.more(']', first)
		if err != nil || !more {
			return err
		}
		s.skipNumbers()
		if _, err := s.value(nil, false, layout{}, 0); err != nil {
			return err
		}
	}
}

// skipNumbers reads plain short numbers, each with the comma behind it; value reads the rest.
func (s *scanner) skipNumbers() {
	const short = 32
	b := s.buf
	i := s.pos
	for len(b)-i > short {
		token := b[i : i+short]
		n := 0
		for n < short-2 && token[n]-'0' <= 9 {
			n++
		}
		if n == 0 || n > 1 && token[0] == '0' {
			break
		}
		if token[n] == '.' {
			point := n
			for n++; n < short-2 && token[n]-'0' <= 9; n++ {
			}
			if n == point+1 {
				break
			}
		}
		if token[n] != ',' {
			break
		}
		if n++; token[n] == ' ' {
			n++
		}
		i += n
	}
	s.pos = i
}

func (s *scanner) skipObject() error {
	if err := s.open('{'); err != nil {
		return err
	}
	for first := true; ; first = false {
		more, err := s.more('}', first)
		if err != nil || !more {
			return err
		}
		if s.scratch, err = s.text(s.scratch[:0]); err != nil {
			return err
		}
		if err := s.expect(':'); err != nil {
			return err
		}
		if _, err := s.value(nil, false, layout{}, 0); err != nil {
			return err
		}
	}
}
