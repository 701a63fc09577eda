// SPDX-FileCopyrightText: The mlperf-ssd authors
// SPDX-License-Identifier: Apache-2.0

package config

import (
	"fmt"
	"reflect"
	"slices"
	"strings"

	"mlperf-ssd/orchestrator/internal/nearest"
)

// Field is one value of a configuration.
type Field struct {
	Key    string // "section.key"
	Value  any    // string, int64, float64, bool or []int64
	Origin string
}

// Fields are all values in the order of the sections.
func (c *Config) Fields() []Field {
	var fields []Field
	c.visit(func(key string, value reflect.Value) {
		fields = append(fields, Field{key, value.Interface(), c.Origin(key)})
	})
	return fields
}

func (c *Config) visit(f func(key string, value reflect.Value)) {
	whole := reflect.ValueOf(c).Elem()
	for i := range whole.NumField() {
		section := whole.Type().Field(i).Tag.Get("toml")
		if section == "" {
			continue
		}
		values := whole.Field(i)
		for j := range values.NumField() {
			f(section+"."+values.Type().Field(j).Tag.Get("toml"), values.Field(j))
		}
	}
}

// keys are all known keys.
func (c *Config) keys() []string {
	var keys []string
	c.visit(func(key string, _ reflect.Value) { keys = append(keys, key) })
	return keys
}

// sections are all known sections.
func (c *Config) sections() []string {
	var sections []string
	for _, key := range c.keys() {
		section, _, _ := strings.Cut(key, ".")
		sections = append(sections, section)
	}
	return slices.Compact(sections)
}

func (c *Config) hasSection(name string) bool { return slices.Contains(c.sections(), name) }

// assign sets a key to a TOML value and remembers where it came from.
func (c *Config) assign(key string, value any, origin string) error {
	var err error
	found := false
	c.visit(func(known string, field reflect.Value) {
		if known == key {
			found = true
			err = set(field, value)
		}
	})
	switch {
	case !found:
		return fmt.Errorf("%s: %s is no key%s", origin, key, suggestion(key, c.keys()))
	case err != nil:
		return fmt.Errorf("%s: %s %w", origin, key, err)
	}
	c.origins[key] = origin
	return nil
}

// set puts a TOML value into a field; a whole number is fine where a number is wanted.
func set(field reflect.Value, value any) error {
	want := field.Type()
	switch v := value.(type) {
	case int64:
		if want.Kind() == reflect.Float64 {
			field.SetFloat(float64(v))
			return nil
		}
	case []any:
		if want.Kind() == reflect.Slice {
			numbers := make([]int64, 0, len(v))
			for _, element := range v {
				n, ok := element.(int64)
				if !ok {
					return fmt.Errorf("holds %v, must be a list of whole numbers", element)
				}
				numbers = append(numbers, n)
			}
			field.Set(reflect.ValueOf(numbers))
			return nil
		}
	}
	if got := reflect.ValueOf(value); got.IsValid() && got.Type() == want {
		field.Set(got)
		return nil
	}
	return fmt.Errorf("is %s, must be %s", describe(value), typeName(want))
}

func describe(value any) string {
	switch v := value.(type) {
	case string:
		return fmt.Sprintf("the string %q", v)
	case map[string]any:
		return "a table"
	default:
		return fmt.Sprint(v)
	}
}

func typeName(t reflect.Type) string {
	switch t.Kind() {
	case reflect.Int64:
		return "a whole number"
	case reflect.Float64:
		return "a number"
	case reflect.Bool:
		return "true or false"
	case reflect.Slice:
		return "a list of whole numbers"
	default:
		return "a string"
	}
}

// suggestion is ": did you mean X?" if a known key is close to an unknown one.
func suggestion(key string, known []string) string {
	best, distance := "", 4
	for _, candidate := range known {
		d := nearest.Distance(key, candidate)
		// The right key in the wrong section is close too.
		if candidate[strings.Index(candidate, ".")+1:] == key[strings.Index(key, ".")+1:] {
			d = min(d, 1)
		}
		if d < distance {
			best, distance = candidate, d
		}
	}
	if best == "" {
		return " (`mlperf-ssd config show` lists them)"
	}
	return ": did you mean " + best + "?"
}
