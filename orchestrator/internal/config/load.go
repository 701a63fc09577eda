// SPDX-FileCopyrightText: The mlperf-ssd authors
// SPDX-License-Identifier: Apache-2.0

package config

import (
	"errors"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"

	"github.com/BurntSushi/toml"
)

// Source is what a configuration is made of.
type Source struct {
	File      string                      // TOML; empty = none
	LookupEnv func(string) (string, bool) // the seed's shell variables; nil = none
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
	if len(problems) == 0 {
		problems = c.check()
	}
	if len(problems) > 0 {
		return nil, errors.Join(problems...)
	}
	return c, nil
}

func (c *Config) readFile(path string) []error {
	text, err := os.ReadFile(path)
	if err != nil {
		return []error{fmt.Errorf("config: %w", err)}
	}
	var tables map[string]any
	if _, err := toml.Decode(string(text), &tables); err != nil {
		var syntax toml.ParseError
		if errors.As(err, &syntax) {
			return []error{fmt.Errorf("%s:%d: %s", path, syntax.Position.Line, syntax.Message)}
		}
		return []error{fmt.Errorf("%s: %w", path, err)}
	}
	lines := keyLines(string(text))
	var problems []error
	for _, section := range slices.Sorted(maps.Keys(tables)) {
		table, ok := tables[section].(map[string]any)
		if !ok {
			problems = append(problems, fmt.Errorf("%s:%d: %s stands outside any section", path, lines[section], section))
			continue
		}
		for _, key := range slices.Sorted(maps.Keys(table)) {
			full := section + "." + key
			if err := c.assign(full, table[key], fmt.Sprintf("%s:%d", path, lines[full])); err != nil {
				problems = append(problems, err)
			}
		}
	}
	return problems
}

// keyLines finds the line of each "section.key" in a TOML text that is known to parse.
func keyLines(text string) map[string]int {
	lines := map[string]int{}
	section := ""
	for i, line := range strings.Split(text, "\n") {
		line = strings.TrimSpace(line)
		if strings.HasPrefix(line, "[") && strings.Contains(line, "]") {
			section = strings.Trim(line[1:strings.Index(line, "]")], " ") + "."
			continue
		}
		key, _, found := strings.Cut(line, "=")
		if !found || strings.HasPrefix(line, "#") {
			continue
		}
		full := section + strings.Trim(key, " \t\"'")
		if _, seen := lines[full]; !seen {
			lines[full] = i + 1
		}
	}
	return lines
}

// override takes "section.key=value" with a TOML value; a bare word is a string.
func (c *Config) override(text string) error {
	key, value, found := strings.Cut(text, "=")
	if !found {
		return fmt.Errorf("--set %s: must be section.key=value", text)
	}
	var parsed struct{ V any }
	if _, err := toml.Decode("V = "+value, &parsed); err != nil {
		parsed.V = value
	}
	err := c.assign(key, parsed.V, "--set")
	if err != nil && c.assign(key, value, "--set") == nil { // a string that looks like a number
		return nil
	}
	return err
}
