// SPDX-FileCopyrightText: The mlperf-ssd authors
// SPDX-License-Identifier: Apache-2.0

// Package submission builds and checks the folders of an MLPerf Training v1.1 submission (spec
// section 17).
package submission

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/BurntSushi/toml"

	"mlperf-ssd/orchestrator/internal/atomicfile"
	"mlperf-ssd/orchestrator/internal/regularfile"
)

// System describes the machine of a submission: a text for each field. Values are free text, also
// where they are numbers.
type System map[string]string

// maxSystemSize is far above any description, and keeps a wrong file from filling the memory.
const maxSystemSize = 1 << 14

// ReadSystem reads a description: TOML if the name ends so, else JSON. A value that is no string is an
// error that names the file, the key and, of TOML, the line; a field that is missing is not (Missing).
func ReadSystem(path string) (System, error) {
	file, err := regularfile.Stream(path)
	if err != nil {
		return nil, fmt.Errorf("system: %w", err)
	}
	defer file.Close()
	text, err := io.ReadAll(io.LimitReader(file, maxSystemSize+1))
	if err != nil {
		return nil, fmt.Errorf("system: %w", err)
	}
	if len(text) > maxSystemSize {
		return nil, fmt.Errorf("%s: larger than %d bytes: no system description", path, maxSystemSize)
	}
	if isTOML(path) {
		return parseTOML(path, text)
	}
	return parseJSON(path, text)
}

func isTOML(path string) bool { return strings.EqualFold(filepath.Ext(path), ".toml") }

func parseTOML(path string, text []byte) (System, error) {
	var values map[string]any
	if _, err := toml.Decode(string(text), &values); err != nil {
		var syntax toml.ParseError
		if errors.As(err, &syntax) {
			return nil, fmt.Errorf("%s:%d: %s", path, syntax.Position.Line, syntax.Message)
		}
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return systemOf(path, values)
}

func parseJSON(path string, text []byte) (System, error) {
	var values map[string]any
	err := json.Unmarshal(text, &values)
	var syntax *json.SyntaxError
	var wrong *json.UnmarshalTypeError
	switch {
	case errors.As(err, &syntax):
		return nil, fmt.Errorf("%s:%d: %w", path, lineAt(text, syntax.Offset), err)
	case errors.As(err, &wrong) || err == nil && values == nil:
		return nil, fmt.Errorf("%s: must be a JSON object of strings", path)
	case err != nil:
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return systemOf(path, values)
}

func lineAt(text []byte, offset int64) int {
	return 1 + bytes.Count(text[:min(max(offset-1, 0), int64(len(text)))], []byte("\n"))
}

// systemOf wants strings only; the error joins a line for each other value.
func systemOf(path string, values map[string]any) (System, error) {
	s := System{}
	var problems []error
	for _, key := range sortedKeys(values) {
		switch v := values[key].(type) {
		case string:
			s[key] = v
		case map[string]any, []any, []map[string]any, nil:
			problems = append(problems, fmt.Errorf("%s: %s must be a string", path, key))
		default:
			problems = append(problems, fmt.Errorf("%s: %s is %v, must be a string: write %q", path, key, v, fmt.Sprint(v)))
		}
	}
	if len(problems) > 0 {
		return nil, errors.Join(problems...)
	}
	return s, nil
}

func sortedKeys[V any](m map[string]V) []string {
	keys := make([]string, 0, len(m))
	for key := range m {
		keys = append(keys, key)
	}
	slices.Sort(keys)
	return keys
}

// Missing are the required fields that the description lacks, in order.
func (s System) Missing() []string {
	return slices.DeleteFunc(Fields(), func(field string) bool {
		_, ok := s[field]
		return ok
	})
}

// Unknown are the fields that the rules do not name, sorted.
func (s System) Unknown() []string {
	return slices.DeleteFunc(sortedKeys(s), func(field string) bool { return slices.Contains(Fields(), field) })
}

// keys are the fields that are there: the required ones in their order, then the others.
func (s System) keys() []string {
	required := slices.DeleteFunc(Fields(), func(field string) bool {
		_, ok := s[field]
		return !ok
	})
	return append(required, s.Unknown()...)
}

// WriteJSON writes the description as an indented JSON object, fields in order.
func (s System) WriteJSON(w io.Writer) error {
	var b strings.Builder
	b.WriteString("{")
	for i, key := range s.keys() {
		if i > 0 {
			b.WriteString(",")
		}
		b.WriteString("\n    " + quoteJSON(key) + ": " + quoteJSON(s[key]))
	}
	b.WriteString("\n}\n")
	_, err := io.WriteString(w, b.String())
	return err
}

func quoteJSON(text string) string {
	var b strings.Builder
	encoder := json.NewEncoder(&b)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(text); err != nil {
		return strconv.Quote(text)
	}
	return strings.TrimSuffix(b.String(), "\n")
}

// WriteTOML writes the description as TOML, fields in order.
func (s System) WriteTOML(w io.Writer) error {
	for _, key := range s.keys() {
		// A JSON string is a TOML string but for the slash, which the encoder leaves alone, and DEL.
		line := tomlKey(key) + " = " + tomlString(s[key]) + "\n"
		if _, err := io.WriteString(w, line); err != nil {
			return err
		}
	}
	return nil
}

func tomlString(text string) string { return strings.ReplaceAll(quoteJSON(text), "\x7f", `\u007f`) }

func tomlKey(key string) string {
	bare := key != "" && strings.Trim(key, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-") == ""
	if bare {
		return key
	}
	return tomlString(key)
}

// WriteFile writes the description to a file, whole or not at all: TOML if its name ends so, else JSON.
func (s System) WriteFile(path string) error {
	write := s.WriteJSON
	if isTOML(path) {
		write = s.WriteTOML
	}
	if err := atomicfile.Write(path, write); err != nil {
		return fmt.Errorf("system: %w", err)
	}
	return nil
}
