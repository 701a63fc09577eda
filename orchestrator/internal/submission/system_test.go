// SPDX-FileCopyrightText: The mlperf-ssd authors
// SPDX-License-Identifier: Apache-2.0

package submission

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
)

func full() System {
	s := System{}
	for i, field := range Fields() {
		s[field] = strings.Repeat("x", i)
	}
	return s
}

func TestSystemSurvivesBothForms(t *testing.T) {
	if n := len(Fields()); n != 33 {
		t.Fatalf("%d fields, section 17 has 33", n)
	}
	want := full()
	want["hw_notes"] = "4 x \"A100\" <80GB>\\ é\x7f\t\n"
	want["own field"] = "1"
	for _, name := range []string{"s.toml", "s.json"} {
		path := filepath.Join(t.TempDir(), name)
		if err := want.WriteFile(path); err != nil {
			t.Fatal(err)
		}
		got, err := ReadSystem(path)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		last := -1
		for _, field := range append(Fields(), "own field") {
			at := strings.Index(string(text), "\n"+tomlKey(field)+" = ")
			if strings.HasSuffix(name, ".json") {
				at = strings.Index(string(text), "\n    "+quoteJSON(field)+": ")
			}
			if at < last || at < 0 && field != Fields()[0] {
				t.Errorf("%s: %s is out of order", name, field)
			}
			last = at
		}
	}
}

func TestSystemKnowsWhatIsMissing(t *testing.T) {
	s := full()
	delete(s, "cooling")
	delete(s, "division")
	s["colling"] = "air"
	if diff := cmp.Diff([]string{"division", "cooling"}, s.Missing()); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff([]string{"colling"}, s.Unknown()); diff != "" {
		t.Error(diff)
	}
}

func TestSystemNamesWhatIsWrong(t *testing.T) {
	for _, test := range []struct{ name, text, want string }{
		{"a.json", `{"cooling": 1}`, `a.json: cooling is 1, must be a string: write "1"`},
		{"a.json", `{"cooling": null}`, "a.json: cooling must be a string"},
		{"a.json", "{\n\"cooling\": \"air\",\n}", "a.json:3: "},
		{"a.json", "[]", "must be a JSON object"},
		{"a.json", "null", "must be a JSON object"},
		{"a.json", "", "a.json:1: unexpected end"},
		{"a.toml", "number_of_nodes = 8", `number_of_nodes is 8, must be a string: write "8"`},
		{"a.toml", "cooling = \"air\"\ncooling = \"water\"", "a.toml:2: "},
		{"a.toml", "[cooling]\na = 1", "cooling must be a string"},
		{"a.json", strings.Repeat(" ", maxSystemSize+1), "no system description"},
	} {
		path := filepath.Join(t.TempDir(), test.name)
		if err := os.WriteFile(path, []byte(test.text), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := ReadSystem(path); err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%.40q: %v, want %s", test.text, err, test.want)
		}
	}
	if _, err := ReadSystem("nowhere.json"); err == nil || !strings.Contains(err.Error(), "nowhere.json") {
		t.Error(err)
	}
}

func FuzzSystem(f *testing.F) {
	f.Add([]byte(`{"cooling": "air"}`), false)
	f.Add([]byte("cooling = \"air\"\n\"a b\" = '''x\n'''"), true)
	f.Fuzz(func(t *testing.T, text []byte, asTOML bool) {
		parse, write := parseJSON, System.WriteJSON
		if asTOML {
			parse, write = parseTOML, System.WriteTOML
		}
		first, err := parse("f", text)
		if err != nil {
			return
		}
		var out strings.Builder
		if err := write(first, &out); err != nil {
			t.Fatal(err)
		}
		again, err := parse("f", []byte(out.String()))
		if err != nil {
			t.Fatalf("%v of what was written: %q", err, out.String())
		}
		if diff := cmp.Diff(first, again); diff != "" && utf8.ValidString(out.String()) {
			t.Error(diff)
		}
	})
}
