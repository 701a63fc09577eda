// SPDX-FileCopyrightText: The mlperf-ssd authors
// SPDX-License-Identifier: Apache-2.0

package config

import (
	"errors"
	"fmt"
	"io"
	"regexp"
	"strings"

	"github.com/BurntSushi/toml"

	"mlperf-ssd/orchestrator/internal/regularfile"
)

// Source is what a configuration is made of.
type Source struct {
	File      string                      // TOML; empty = none
	LookupEnv func(string) (string, bool) // the submission's shell variables; nil = none
	Sets      []string                    // "section.key=value"
}

// Load makes and checks a configuration. The error joins all that is wrong, a line each, with file,
// line and key.
func Load(source Source) (*Config, error) {
	c := Defaults()
	var problems []error
	if source.File != "" {
		problems = append(problems, c.readFile(source.File)...)
	}
	if source.LookupEnv != nil {
		problems = append(problems, c.readEnvironment(source.LookupEnv)...)
	}
	for _, set := range source.Sets {
		if err := c.override(set); err != nil {
			problems = append(problems, err)
		}
	}
	problems = append(problems, c.check()...)
	if len(problems) > 0 {
		return nil, errors.Join(problems...)
	}
	return c, nil
}

func (c *Config) readFile(path string) []error {
	text, err := read(path)
	if err != nil {
		return []error{fmt.Errorf("config: %w", err)}
	}
	if line, problem := beyond(string(text)); problem != "" {
		return []error{fmt.Errorf("%s:%d: %s", path, line, problem)}
	}
	entries, err := entriesOf(string(text))
	if err != nil {
		var syntax toml.ParseError
		if errors.As(err, &syntax) {
			return []error{fmt.Errorf("%s:%d: %s", path, syntax.Position.Line, syntax.Message)}
		}
		return []error{fmt.Errorf("%s: %w", path, err)}
	}
	var problems []error
	for _, e := range entries {
		origin := fmt.Sprintf("%s:%d", path, e.line)
		var err error
		switch _, isTable := e.value.(map[string]any); {
		case strings.Contains(e.key, "."):
			err = c.assign(e.key, e.value, origin)
		case !isTable:
			err = fmt.Errorf("%s: %s stands outside any section", origin, e.key)
		case !c.hasSection(e.key):
			err = fmt.Errorf("%s: [%s] is no section%s", origin, e.key, suggestion(e.key, c.sections()))
		}
		if err != nil {
			problems = append(problems, err)
		}
	}
	return problems
}

// The parser's time and memory grow with the square of some texts.
const (
	maxFile   = 1 << 14 // bytes
	maxParts  = 16      // of a key; ours have two
	maxTables = 64      // within a line
)

// beyond is what in a text would keep the parser busy, and its line; empty if there is nothing.
func beyond(text string) (number int, problem string) {
	parts := regexp.MustCompile(fmt.Sprintf(`(?:[\w"'-]+[ \t]*\.[ \t]*){%d}`, maxParts))
	for line := range strings.Lines(text) {
		number++
		switch {
		case parts.MatchString(line):
			return number, fmt.Sprintf("more than %d words with dots between, which no configuration has", maxParts)
		case strings.Count(line, "{") > maxTables:
			return number, fmt.Sprintf("more than %d tables within each other, which no configuration has", maxTables)
		}
	}
	return 0, ""
}

func read(path string) ([]byte, error) {
	file, err := regularfile.Stream(path)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	text, err := io.ReadAll(io.LimitReader(file, maxFile+1))
	if err == nil && len(text) > maxFile {
		err = fmt.Errorf("%s: larger than %d bytes: this is no configuration", path, maxFile)
	}
	return text, err
}

// override takes "section.key=value" with a TOML value; a bare word is a string.
func (c *Config) override(text string) error {
	key, value, found := strings.Cut(text, "=")
	if !found {
		return fmt.Errorf("--set %s: must be section.key=value", text)
	}
	if len(value) > maxFile {
		return fmt.Errorf("--set %s: the value is longer than %d bytes: this is no configuration", key, maxFile)
	}
	if _, problem := beyond("V = " + value); problem != "" {
		return fmt.Errorf("--set %s: the value has %s", key, problem)
	}
	var parsed map[string]any
	if _, err := toml.Decode("V = "+value, &parsed); err != nil || len(parsed) != 1 { // no value, or more than one
		parsed = map[string]any{"V": value}
	}
	err := c.assign(key, parsed["V"], "--set")
	if err != nil && c.assign(key, value, "--set") == nil { // a string that looks like a number
		return nil
	}
	return err
}
