// SPDX-FileCopyrightText: The mlperf-ssd authors
// SPDX-License-Identifier: Apache-2.0

// Package mllog writes the MLPerf log of a run (spec section 11): lines byte-exact, in an order that
// the rules accept. Run is a state machine: what would make a wrong log is an error instead.
package mllog

import (
	"encoding/json"
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
)

// Prefix starts every line of the log.
const Prefix = ":::MLLOG "

// Field is one key of an object, as objects of the log keep their order.
type Field struct {
	Key   string
	Value any
}

// Object is a JSON object in order.
type Object []Field

type line struct {
	time     time.Time
	event    string
	key      string
	value    any
	metadata Object
}

func (l line) String() string {
	return Prefix + text(Object{
		{"namespace", ""},
		{"time_ms", l.time.UnixMilli()},
		{"event_type", l.event},
		{"key", l.key},
		{"value", l.value},
		{"metadata", l.metadata},
	}) + "\n"
}

// text is JSON with ", " and ": " between things and numbers as Python writes them.
func text(value any) string {
	switch v := value.(type) {
	case nil:
		return "null"
	case Object:
		parts := make([]string, len(v))
		for i, f := range v {
			parts[i] = text(f.Key) + ": " + text(f.Value)
		}
		return "{" + strings.Join(parts, ", ") + "}"
	case []int64:
		parts := make([]string, len(v))
		for i, n := range v {
			parts[i] = strconv.FormatInt(n, 10)
		}
		return "[" + strings.Join(parts, ", ") + "]"
	case float64:
		return number(v)
	case bool, int, int64, uint64:
		return fmt.Sprint(v)
	case string:
		var b strings.Builder
		encoder := json.NewEncoder(&b)
		encoder.SetEscapeHTML(false)
		if err := encoder.Encode(v); err != nil {
			return `""`
		}
		return ascii(strings.TrimSuffix(b.String(), "\n"))
	default:
		return text(fmt.Sprint(v))
	}
}

// number writes a float as Python's repr does: shortest digits, an exponent from 1e16 up and below
// 1e-4, always a point or an exponent.
func number(v float64) string {
	if math.IsNaN(v) || math.IsInf(v, 0) {
		return "null"
	}
	magnitude := math.Abs(v)
	if v != 0 && (magnitude < 1e-4 || magnitude >= 1e16) {
		return strconv.FormatFloat(v, 'e', -1, 64)
	}
	s := strconv.FormatFloat(v, 'f', -1, 64)
	if !strings.Contains(s, ".") {
		s += ".0"
	}
	return s
}

// ascii escapes what lies outside: readers of the log take it for Latin-1.
func ascii(s string) string {
	var b strings.Builder
	for _, r := range s {
		switch {
		case r < 0x80:
			b.WriteRune(r)
		case r <= 0xffff:
			fmt.Fprintf(&b, `\u%04x`, r)
		default:
			r -= 0x10000
			fmt.Fprintf(&b, `\u%04x\u%04x`, 0xd800+r>>10, 0xdc00+r&0x3ff)
		}
	}
	return b.String()
}
