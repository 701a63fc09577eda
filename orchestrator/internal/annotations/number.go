// SPDX-FileCopyrightText: The mlperf-ssd authors
// SPDX-License-Identifier: Apache-2.0

package annotations

import (
	"bytes"
	"math"
	"strconv"
)

const (
	// maxDigits is how long an integer Python reads and prints.
	maxDigits = 4300
	// exactDigits is how many significant decimal digits a double keeps apart.
	exactDigits = 15
)

// shape is what a number's text looks like.
type shape struct {
	size     int // bytes of it all
	integer  int // digits before the point
	fraction int // digits behind it
	exponent bool
	minus    bool
}

// measure finds the number at the start of b; size 0: there is none.
func measure(b []byte) shape {
	var n shape
	i := 0
	if i < len(b) && b[i] == '-' {
		n.minus = true
		i++
	}
	from := i
	for i < len(b) && b[i]-'0' <= 9 {
		i++
	}
	n.integer = i - from
	if n.integer == 0 {
		return shape{}
	}
	if b[from] == '0' { // a digit behind it begins something else
		n.integer = 1
		i = from + 1
	}
	n.size = i
	if i < len(b) && b[i] == '.' {
		from = i + 1
		for i = from; i < len(b) && b[i]-'0' <= 9; i++ {
		}
		if i == from {
			return n // the point is no part of it
		}
		n.fraction = i - from
		n.size = i
	}
	if i < len(b) && b[i]|0x20 == 'e' {
		i++
		if i < len(b) && (b[i] == '-' || b[i] == '+') {
			i++
		}
		from = i
		for i < len(b) && b[i]-'0' <= 9 {
			i++
		}
		if i > from {
			n.exponent = true
			n.size = i
		}
	}
	return n
}

// number reads a number and, if keep is set, appends it to out as Python prints it.
func (s *scanner) number(out []byte, keep bool) ([]byte, error) {
	b := s.buf[s.pos:]
	n := measure(b[:min(len(b), window)])
	whole := n.fraction == 0 && !n.exponent
	switch {
	case n.size == 0:
		return out, s.fail("a minus without a number")
	case n.size > maxNumber || whole && n.integer > maxDigits:
		return out, s.fail("a number of more than %d digits", maxDigits)
	}
	text := b[:n.size]
	s.pos += n.size
	switch {
	case !keep:
		return out, nil
	case whole && n.minus && text[1] == '0':
		return append(out, '0'), nil
	case whole || n.printed(text):
		return append(out, text...), nil
	}
	value, _ := strconv.ParseFloat(string(text), 64) // out of range: infinite, as in Python
	return appendFloat(out, value), nil
}

// printed reports whether Python prints the number as it stands here. Up to exactDigits two texts never
// mean one double, so that no shorter one can.
func (n shape) printed(text []byte) bool {
	if n.exponent || n.integer+n.fraction > exactDigits {
		return false
	}
	fraction := text[len(text)-n.fraction:]
	switch {
	case n.fraction == 1:
		return true
	case fraction[n.fraction-1] == '0':
		return false
	}
	return text[len(text)-n.fraction-2] != '0' || n.integer > 1 || n.fraction < 4 || !bytes.HasPrefix(fraction, []byte("0000"))
}

// appendFloat appends what Python's repr gives.
func appendFloat(out []byte, v float64) []byte {
	switch {
	case math.IsInf(v, 1):
		return append(out, "Infinity"...)
	case math.IsInf(v, -1):
		return append(out, "-Infinity"...)
	}
	if size := math.Abs(v); size != 0 && (size < 1e-4 || size >= 1e16) {
		return strconv.AppendFloat(out, v, 'e', -1, 64)
	}
	from := len(out)
	out = strconv.AppendFloat(out, v, 'f', -1, 64)
	if bytes.IndexByte(out[from:], '.') < 0 {
		out = append(out, ".0"...)
	}
	return out
}
