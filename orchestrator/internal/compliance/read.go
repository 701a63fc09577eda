// SPDX-FileCopyrightText: The mlperf-ssd authors
// SPDX-License-Identifier: Apache-2.0

// Package compliance checks an MLPerf log against the rules of ruleset `training` 1.1.0 for SSD (spec
// section 12). It finds what the official checker finds, with the line of each.
package compliance

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"regexp"
)

const prefix = ":::MLLOG "

// Event is one line of a log.
type Event struct {
	Line     int
	TimeMS   float64
	Key      string
	Value    any // as encoding/json reads it
	Metadata map[string]any
}

// Finding is one thing wrong.
type Finding struct {
	Line     int    `json:"line"` // 0 = the log as a whole
	Key      string `json:"key"`
	Problem  string `json:"problem"`
	Expected string `json:"expected,omitempty"`
	Found    string `json:"found,omitempty"`
	Warning  bool   `json:"warning,omitempty"` // does not fail the log
}

func (f Finding) String() string {
	text := f.Key + ": " + f.Problem
	if f.Key == "" {
		text = f.Problem
	}
	if f.Expected != "" {
		text += ", expected " + f.Expected
	}
	if f.Found != "" {
		text += ", found " + f.Found
	}
	return text
}

// read takes the events out of a log; other text is passed over, bytes are taken for Latin-1.
func read(r io.Reader) (events []Event, findings []Finding, err error) {
	lines := bufio.NewReaderSize(r, 1<<20)
	for number := 1; ; number++ {
		text, readErr := lines.ReadBytes('\n')
		if i := bytes.Index(text, []byte(prefix)); i >= 0 {
			event, problem := parse(text[i+len(prefix):])
			event.Line = number
			if problem != "" {
				findings = append(findings, Finding{Line: number, Problem: problem})
			} else {
				events = append(events, event)
			}
		}
		if readErr == io.EOF {
			return events, findings, nil
		}
		if readErr != nil {
			return nil, nil, readErr
		}
	}
}

// parse reads the JSON behind the prefix; problem says what is wrong with it.
func parse(text []byte) (event Event, problem string) {
	var fields map[string]any
	text = latin1(text)
	err := json.Unmarshal(text, &fields)
	if err != nil {
		fields = nil
		err = json.Unmarshal(finite(text), &fields)
	}
	if err != nil {
		return event, "the line is no JSON object: " + err.Error()
	}
	for _, key := range []string{"time_ms", "key", "value", "metadata"} {
		if _, ok := fields[key]; !ok {
			return event, fmt.Sprintf("the line lacks %s", key)
		}
	}
	var ok bool
	if event.TimeMS, ok = fields["time_ms"].(float64); !ok {
		return event, "time_ms is no number"
	}
	if event.Key, ok = fields["key"].(string); !ok {
		return event, "key is no string"
	}
	if event.Metadata, ok = fields["metadata"].(map[string]any); !ok {
		return event, "metadata is no object"
	}
	event.Value = fields["value"]
	return event, ""
}

// latin1 makes UTF-8 of text that is not; text that is stays.
func latin1(text []byte) []byte {
	for _, b := range text {
		if b >= 0x80 {
			runes := make([]rune, len(text))
			for i, b := range text {
				runes[i] = rune(b)
			}
			return []byte(string(runes))
		}
	}
	return text
}

// finite replaces NaN and the infinities, which Python's JSON allows, by null: no rule accepts them, and
// a loss that is not a number fails no log.
func finite(text []byte) []byte {
	stringOrWord := regexp.MustCompile(`"(?:[^"\\]|\\.)*"|NaN|-?Infinity`)
	return stringOrWord.ReplaceAllFunc(text, func(match []byte) []byte {
		if match[0] == '"' {
			return match
		}
		return []byte("null")
	})
}
