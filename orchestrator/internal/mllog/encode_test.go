// SPDX-FileCopyrightText: The mlperf-ssd authors
// SPDX-License-Identifier: Apache-2.0

package mllog

import (
	"bufio"
	"encoding/json"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// As json.dumps of Python writes them.
func TestText(t *testing.T) {
	for _, test := range []struct {
		value any
		want  string
	}{
		{nil, "null"},
		{true, "true"},
		{int64(117266), "117266"},
		{0.04498725, "0.04498725"},
		{0.00013, "0.00013"},
		{0.0001, "0.0001"},
		{0.00001, "1e-05"},
		{4e-5, "4e-05"},
		{1.5e-7, "1.5e-07"},
		{-2.0, "-2.0"},
		{0.0, "0.0"},
		{128.0, "128.0"},
		{1e15, "1000000000000000.0"},
		{1e16, "1e+16"},
		{1.25e+22, "1.25e+22"},
		{0.30000000000000004, "0.30000000000000004"},
		{math.NaN(), "null"},
		{math.Inf(-1), "null"},
		{[]int64{44, 55}, "[44, 55]"},
		{[]int64{}, "[]"},
		{"a<b>&\"\\/\n\t", `"a<b>&\"\\/\n\t"`},
		{"Zürich €", `"Z\u00fcrich \u20ac"`},
		{"\U0001F600", `"\ud83d\ude00"`},
		{"\x01", `"\u0001"`},
		{Object{}, "{}"},
		{Object{{"z", int64(1)}, {"a", Object{{"b", nil}}}}, `{"z": 1, "a": {"b": null}}`},
	} {
		if got := text(test.value); got != test.want {
			t.Errorf("%#v: got %s, want %s", test.value, got, test.want)
		}
	}
}

// Every line of five accepted logs, taken apart and written again, is the same bytes.
func TestLinesOfAcceptedLogsSurviveRewriting(t *testing.T) {
	files, err := filepath.Glob("../../../../shared/mlperf-logs/fujitsu-gx2460m1/result_*.txt")
	if err != nil {
		t.Fatal(err)
	}
	if len(files) == 0 {
		t.Skip("the accepted logs are not here")
	}
	lines := 0
	for _, name := range files {
		file, err := os.Open(name)
		if err != nil {
			t.Fatal(err)
		}
		defer file.Close()
		scanner := bufio.NewScanner(file)
		for scanner.Scan() {
			body, found := strings.CutPrefix(scanner.Text(), Prefix)
			if !found || !json.Valid([]byte(body)) { // two ranks may share a line
				continue
			}
			lines++
			decoder := json.NewDecoder(strings.NewReader(body))
			decoder.UseNumber()
			if got := text(ordered(t, decoder)); got != body {
				t.Errorf("%s: got %s, want %s", name, got, body)
			}
		}
		if err := scanner.Err(); err != nil {
			t.Fatal(err)
		}
	}
	if lines < 3000 {
		t.Errorf("only %d lines read", lines)
	}
}

// ordered reads one JSON value with the keys of objects in their order.
func ordered(t *testing.T, decoder *json.Decoder) any {
	t.Helper()
	token, err := decoder.Token()
	if err != nil {
		t.Fatal(err)
	}
	switch v := token.(type) {
	case json.Delim:
		if v == '[' {
			list := []int64{}
			for decoder.More() {
				n, ok := ordered(t, decoder).(int64)
				if !ok {
					t.Fatal("a list that holds no integer")
				}
				list = append(list, n)
			}
			closing(t, decoder)
			return list
		}
		object := Object{}
		for decoder.More() {
			key, ok := ordered(t, decoder).(string)
			if !ok {
				t.Fatal("a key that is no string")
			}
			object = append(object, Field{key, ordered(t, decoder)})
		}
		closing(t, decoder)
		return object
	case json.Number:
		if n, err := v.Int64(); err == nil {
			return n
		}
		x, err := v.Float64()
		if err != nil {
			t.Fatal(err)
		}
		return x
	default:
		return token
	}
}

func closing(t *testing.T, decoder *json.Decoder) {
	t.Helper()
	if _, err := decoder.Token(); err != nil {
		t.Fatal(err)
	}
}
