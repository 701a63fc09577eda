// SPDX-FileCopyrightText: The mlperf-ssd authors
// SPDX-License-Identifier: Apache-2.0

package compliance

import (
	"bytes"
	"math"
	"math/big"
	"strconv"
	"strings"
	"unicode/utf8"
)

// Raw is one JSON value of a log as its text has it, without space around it. Only values that a Scan
// has shown are valid. The rules read them as Python does: true counts as 1, NaN and infinities are
// numbers.
type Raw []byte

// String is the text, for people: Latin-1 becomes UTF-8.
func (r Raw) String() string { return display(r) }

func display(text []byte) string {
	if utf8.Valid(text) {
		return string(text)
	}
	return latin1(text)
}

func latin1(text []byte) string {
	runes := make([]rune, len(text))
	for i, b := range text {
		runes[i] = rune(b)
	}
	return string(runes)
}

// Number is the value of a number or a truth value.
func (r Raw) Number() (float64, bool) {
	switch string(r) {
	case "true":
		return 1, true
	case "false":
		return 0, true
	case "NaN":
		return math.NaN(), true
	case "Infinity":
		return math.Inf(1), true
	case "-Infinity":
		return math.Inf(-1), true
	}
	if len(r) == 0 || r[0] != '-' && (r[0] < '0' || r[0] > '9') {
		return 0, false
	}
	v, err := strconv.ParseFloat(string(r), 64) // of a number too large: an infinity and an error
	return v, err == nil || math.IsInf(v, 0)
}

// Int is the value of a whole number, as a number or as a string of one: what Python's int() takes.
func (r Raw) Int() (*big.Int, bool) {
	if text, ok := r.Text(); ok {
		digits := joinDigits(strings.TrimSpace(text))
		if len(digits) > maxIntDigits+1 { // with a sign
			return nil, false
		}
		return new(big.Int).SetString(digits, 10)
	}
	if v, ok := r.exactInt(); ok {
		return v, true
	}
	v, ok := r.Number()
	if !ok || math.IsNaN(v) || math.IsInf(v, 0) {
		return nil, false
	}
	whole, _ := big.NewFloat(v).Int(nil)
	return whole, true
}

// exactInt is the value of a number without point and exponent, or of a truth value.
func (r Raw) exactInt() (*big.Int, bool) {
	switch string(r) {
	case "true":
		return big.NewInt(1), true
	case "false":
		return new(big.Int), true
	}
	if len(r) == 0 || bytes.ContainsAny(r, ".eE\"NIfn[{") {
		return nil, false
	}
	return new(big.Int).SetString(string(r), 10)
}

// Text is the value of a string, for people.
func (r Raw) Text() (string, bool) {
	if len(r) < 2 || r[0] != '"' {
		return "", false
	}
	return unquote(display(r)), true
}

// is says whether the value is this string of ASCII.
func (r Raw) is(word string) bool {
	if len(r) < 2 || r[0] != '"' {
		return false
	}
	if bytes.IndexByte(r, '\\') < 0 {
		return string(r[1:len(r)-1]) == word
	}
	return unquote(latin1(r)) == word
}

// unquote takes quotes and escapes off. A lone half of a surrogate pair is kept as three bytes, so that
// different strings stay different.
func unquote(quoted string) string {
	text := quoted[1 : len(quoted)-1]
	if strings.IndexByte(text, '\\') < 0 {
		return text
	}
	var out []byte
	for i := 0; i < len(text); i++ {
		if text[i] != '\\' {
			out = append(out, text[i])
			continue
		}
		i++
		switch text[i] {
		case 'u':
			code, _ := hex4([]byte(text[i+1:]))
			i += 4
			if code >= 0xd800 && code < 0xdc00 && strings.HasPrefix(text[i+1:], `\u`) {
				if low, ok := hex4([]byte(text[i+3:])); ok && low >= 0xdc00 && low < 0xe000 {
					code = 0x10000 + (code-0xd800)<<10 + low - 0xdc00
					i += 6
				}
			}
			if code >= 0xd800 && code < 0xe000 {
				out = append(out, 0xe0|byte(code>>12), 0x80|byte(code>>6)&0x3f, 0x80|byte(code)&0x3f)
			} else {
				out = utf8.AppendRune(out, code)
			}
		default:
			out = append(out, "\"\\/\b\f\n\r\t"[strings.IndexByte(`"\/bfnrt`, text[i])])
		}
	}
	return string(out)
}

// Elements are those of a list.
func (r Raw) Elements() ([]Raw, bool) {
	if len(r) == 0 || r[0] != '[' {
		return nil, false
	}
	var elements []Raw
	s := scanner{text: r}
	ok := s.list(func(e Raw) { elements = append(elements, e) })
	return elements, ok
}

// Member is the member of an object with this ASCII name; of equal names the last.
func (r Raw) Member(name string) (value Raw, found bool) {
	if len(r) == 0 || r[0] != '{' {
		return nil, false
	}
	s := scanner{text: r}
	s.object(func(key, v Raw) {
		if key.is(name) {
			value, found = v, true
		}
	})
	return value, found
}

// has says whether Python's `name in value` is true: a member of that name, an element equal to it, or
// a string that contains it.
func (r Raw) has(name string) bool {
	if text, ok := r.Text(); ok {
		return strings.Contains(text, name)
	}
	if elements, ok := r.Elements(); ok {
		for _, e := range elements {
			if e.is(name) {
				return true
			}
		}
		return false
	}
	_, found := r.Member(name)
	return found
}

// float is the value as Python's float() takes it: a number, or a string of one.
func (r Raw) float() (float64, bool) {
	text, isText := r.Text()
	if !isText {
		v, ok := r.Number()
		if math.IsInf(v, 0) {
			_, isInt := r.exactInt()
			ok = !isInt
		}
		return v, ok
	}
	text = strings.Trim(text, " \t\n\v\f\r")
	if strings.ContainsAny(text, "xXpP") {
		return 0, false
	}
	v, err := strconv.ParseFloat(joinDigits(text), 64)
	return v, err == nil || math.IsInf(v, 0)
}

// joinDigits takes out single underscores between digits, as Python does.
func joinDigits(text string) string {
	isDigit := func(i int) bool { return i >= 0 && i < len(text) && text[i] >= '0' && text[i] <= '9' }
	var out []byte
	for i := range len(text) {
		if text[i] != '_' || !isDigit(i-1) || !isDigit(i+1) {
			out = append(out, text[i])
		}
	}
	return string(out)
}
