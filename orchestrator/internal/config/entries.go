// SPDX-FileCopyrightText: The mlperf-ssd authors
// SPDX-License-Identifier: Apache-2.0

package config

import (
	"errors"
	"maps"
	"slices"

	"github.com/BurntSushi/toml"
)

// entry is a key of a TOML file: "section.key", or a name of the top level.
type entry struct {
	key   string
	value any
	line  int
}

// entriesOf lists what a TOML text holds in the order of its lines. Sections that hold something are
// not listed themselves.
func entriesOf(text string) ([]entry, error) {
	var top map[string]toml.Primitive
	meta, err := toml.Decode(text, &top)
	if err != nil {
		return nil, err
	}
	var entries []entry
	for _, name := range slices.Sorted(maps.Keys(top)) {
		section := look(&meta, name, top[name])
		var values map[string]toml.Primitive
		if _, isTable := section.value.(map[string]any); isTable {
			if err := meta.PrimitiveDecode(top[name], &values); err != nil {
				return nil, err
			}
		}
		if len(values) == 0 {
			entries = append(entries, section)
		}
		for _, key := range slices.Sorted(maps.Keys(values)) {
			e := look(&meta, name+"."+key, values[key])
			if e.line == 0 { // a table made by a longer dotted key
				e.line = section.line
			}
			entries = append(entries, e)
		}
	}
	slices.SortStableFunc(entries, func(a, b entry) int { return a.line - b.line })
	return entries, nil
}

// look gets a value with its line: the parser tells the line of a value only by way of an error.
func look(meta *toml.MetaData, key string, primitive toml.Primitive) entry {
	e := entry{key: key}
	var parsed toml.ParseError
	if err := meta.PrimitiveDecode(primitive, &probe{&e.value}); errors.As(err, &parsed) {
		e.line = parsed.Position.Line
	}
	return e
}

// probe takes any value and fails.
type probe struct{ value *any }

func (p *probe) UnmarshalTOML(value any) error {
	*p.value = value
	return errProbe{}
}

type errProbe struct{}

func (errProbe) Error() string { return "probe" }
