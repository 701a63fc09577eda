// SPDX-FileCopyrightText: The mlperf-ssd authors
// SPDX-License-Identifier: Apache-2.0

// Package compliance checks MLPerf logs against the rules of ruleset `training` 1.1.0 for SSD (spec
// section 12). A log passes or fails as it does in the official checker; where that program breaks off,
// the log fails with the line that made it.
package compliance

import (
	"bytes"
	"errors"
	"fmt"
	"io"
)

const (
	prefix    = ":::MLLOG "
	chunkSize = 1 << 18
	maxLine   = 1 << 20 // bytes of one MLLOG line: sixty times the longest seen
	maxKey    = 100     // bytes of a key that is kept
)

// Line is one MLLOG line of a log.
type Line struct {
	Number   int     // from 1
	TimeMS   float64 // since 1970
	Key      string  // empty if it is no string
	Value    Raw     // valid until the function that Scan calls returns, as is
	Metadata Raw
	Event    Raw    // event_type; nil if there is none
	Problem  string // why the line cannot be read; else empty
}

// Scan shows the MLLOG lines of a log to each, in order. Other text is passed over; a line may end with
// a carriage return; of several prefixes in a line the last counts. Only the line at hand is held.
// The error is one of reading.
func Scan(log io.Reader, each func(Line)) error {
	buffer := make([]byte, 0, chunkSize)
	s := lineReader{log: log, number: 1, buffer: buffer, data: buffer, keys: map[string]string{}}
	for {
		text, err := s.next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("compliance: read: %w", err)
		}
		line := Line{Number: s.number}
		if len(text) > maxLine {
			line.Problem = fmt.Sprintf("the line is longer than %d bytes", maxLine)
		} else {
			s.decode(text, &line)
		}
		each(line)
	}
}

// lineReader finds the lines that hold the prefix.
type lineReader struct {
	log    io.Reader
	buffer []byte // holds data
	data   []byte // read and not passed
	number int    // of the line at the start of data
	ended  bool
	keys   map[string]string
}

// next is the text behind the last prefix of the next line that has one.
func (s *lineReader) next() ([]byte, error) {
	for {
		start := bytes.Index(s.data, []byte(prefix))
		if start >= 0 {
			s.pass(start)
			return s.line()
		}
		if s.ended {
			return nil, io.EOF
		}
		s.pass(max(0, len(s.data)-len(prefix)+1)) // a part of a prefix may end the data
		if err := s.fill(); err != nil {
			return nil, err
		}
	}
}

// line takes the rest of a line that starts with the prefix.
func (s *lineReader) line() ([]byte, error) {
	seen := 0
	for {
		end := bytes.IndexByte(s.data[seen:], '\n')
		if end < 0 {
			end = len(s.data) - seen
		}
		if early := bytes.IndexByte(s.data[seen:seen+end], '\r'); early >= 0 {
			end = early
		}
		end += seen
		if end < len(s.data) || s.ended || end > maxLine+len(prefix) {
			text := s.data[len(prefix):end]
			s.data = s.data[end:]
			for len(text) <= maxLine {
				again := bytes.Index(text, []byte(prefix))
				if again < 0 {
					break
				}
				text = text[again+len(prefix):]
			}
			return text, nil
		}
		seen = end
		if err := s.fill(); err != nil {
			return nil, err
		}
	}
}

// pass drops bytes and counts their lines.
func (s *lineReader) pass(n int) {
	s.number += bytes.Count(s.data[:n], []byte("\n"))
	s.data = s.data[n:]
}

// fill reads on behind what is there.
func (s *lineReader) fill() error {
	if cap(s.data)-len(s.data) < chunkSize/2 {
		if len(s.data) > cap(s.buffer)/2 {
			s.buffer = make([]byte, 0, 2*cap(s.buffer))
		}
		s.data = append(s.buffer[:0], s.data...)
	}
	n, err := s.log.Read(s.data[len(s.data):cap(s.data)])
	s.data = s.data[:len(s.data)+n]
	if errors.Is(err, io.EOF) {
		s.ended = true
		return nil
	}
	return err
}

// decode takes a line's JSON apart.
func (s *lineReader) decode(text []byte, line *Line) {
	for len(text) > 0 && isSpace(text[len(text)-1]) {
		text = text[:len(text)-1]
	}
	var time, key Raw
	json := scanner{text: text}
	json.space()
	ok := json.next() == '{' && json.object(func(name, value Raw) {
		switch {
		case name.is("time_ms"):
			time = value
		case name.is("key"):
			key = value
		case name.is("value"):
			line.Value = value
		case name.is("metadata"):
			line.Metadata = value
		case name.is("event_type"):
			line.Event = value
		}
	})
	if json.space(); ok && json.at < len(text) {
		ok = json.fail("text behind the JSON object")
	}
	if !ok {
		json.fail("no JSON object")
		line.Problem = "the line is no JSON object: " + json.problem
		return
	}
	line.Problem = s.fields(line, time, key)
}

func (s *lineReader) fields(line *Line, time, key Raw) (problem string) {
	for _, field := range []struct {
		name  string
		value Raw
	}{{"time_ms", time}, {"key", key}, {"value", line.Value}, {"metadata", line.Metadata}} {
		if field.value == nil {
			return "the line lacks " + field.name
		}
	}
	var ok bool
	if line.TimeMS, ok = time.float(); !ok {
		return "time_ms is no number: " + time.String()
	}
	if key[0] == '"' {
		if line.Key, ok = s.keys[string(key)]; !ok {
			line.Key, _ = key.Text()
			if len(s.keys) < 1000 && len(key) < maxKey { // a log has about 40
				s.keys[string(key)] = line.Key
			}
		}
	}
	return ""
}

// isSpace says whether Python strips a character of Latin-1.
func isSpace(c byte) bool {
	return c == ' ' || c >= '\t' && c <= '\r' || c >= 0x1c && c <= 0x1f || c == 0x85 || c == 0xa0
}
