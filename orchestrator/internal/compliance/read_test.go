// SPDX-FileCopyrightText: The mlperf-ssd authors
// SPDX-License-Identifier: Apache-2.0

package compliance

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/google/go-cmp/cmp"
)

// plainScan is Scan on a log in memory, the obvious way.
func plainScan(log []byte) []string {
	var lines []string
	for i, line := range bytes.Split(log, []byte("\n")) {
		for _, part := range bytes.Split(line, []byte("\r")) {
			if at := bytes.LastIndex(part, []byte(prefix)); at >= 0 {
				lines = append(lines, fmt.Sprintf("%d %s", i+1, describe(part[at+len(prefix):])))
			}
		}
	}
	return lines
}

// describe decodes a line on its own.
func describe(text []byte) string {
	var line Line
	(&lineReader{keys: map[string]string{}}).decode(text, &line)
	return content(line)
}

func content(l Line) string {
	if l.Problem != "" {
		return l.Problem
	}
	return fmt.Sprintf("%v %q %s %s", l.TimeMS, l.Key, []byte(l.Value), []byte(l.Metadata))
}

func scanned(t *testing.T, log io.Reader) []string {
	t.Helper()
	var lines []string
	if err := Scan(log, func(l Line) { lines = append(lines, fmt.Sprintf("%d %s", l.Number, content(l))) }); err != nil {
		t.Fatal(err)
	}
	return lines
}

func TestScanFindsEveryLineHoweverItIsRead(t *testing.T) {
	record := prefix + `{"time_ms": 1, "key": "x", "value": 1, "metadata": {}}`
	var log strings.Builder
	for i := range 1500 {
		log.WriteString(strings.Repeat("other text :::MLLO ", i%50) + "\n")
		switch i % 4 {
		case 0:
			log.WriteString("rank 0: " + record + "\r\n")
		case 1:
			log.WriteString(record + "\r" + record + "\n\r\n")
		case 2:
			log.WriteString(prefix + "y " + record + " \n")
		}
	}
	log.WriteString(record)
	want := plainScan([]byte(log.String()))
	if len(want) != 375*4+1 {
		t.Fatalf("%d lines", len(want))
	}
	for name, reader := range map[string]io.Reader{
		"whole": strings.NewReader(log.String()), "by halves": iotest.HalfReader(strings.NewReader(log.String())),
		"by bytes": iotest.OneByteReader(strings.NewReader(log.String())), "end with data": iotest.DataErrReader(strings.NewReader(log.String())),
	} {
		if diff := cmp.Diff(want, scanned(t, reader)); diff != "" {
			t.Errorf("%s: %.500s", name, diff)
		}
	}
}

func TestScanHoldsOneLine(t *testing.T) {
	long := prefix + `{"time_ms": 1, "key": "x", "value": "` + strings.Repeat("a", maxLine/2) + `", "metadata": {}}`
	if got := scanned(t, strings.NewReader("\n"+long+"\n"+long)); len(got) != 2 || !strings.HasPrefix(got[0], `2 1 "x" "aaa`) {
		t.Errorf("%d lines", len(got))
	}
	endless := io.MultiReader(strings.NewReader(prefix), io.LimitReader(repeat('a'), maxLine+1), strings.NewReader("\n"+prefix+"x"))
	got := scanned(t, endless)
	if len(got) != 2 || !strings.HasPrefix(got[0], "1 the line is longer than") || !strings.HasPrefix(got[1], "2 the line is no JSON object") {
		t.Errorf("%.200q", got)
	}
}

// What a finding quotes is bounded, as is what a number may be, however long the line.
func TestLongTextsAreCutShort(t *testing.T) {
	long := strings.Repeat("é", maxLine/4)
	report, err := Check(strings.NewReader(prefix + `{"time_ms": "` + long + `", "key": "x", "value": 1, "metadata": {}}`))
	if err != nil {
		t.Fatal(err)
	}
	if got := report.Findings[len(report.Findings)-1].Problem; !strings.HasPrefix(got, "time_ms is no number: \"éé") || !strings.HasSuffix(got, "é...") || len(got) > maxText+3 {
		t.Errorf("%d bytes: %.80s", len(got), got)
	}
	for digits, want := range map[int]bool{maxIntDigits: true, maxIntDigits + 2: false, maxLine / 2: false} {
		if _, ok := Raw(`"` + strings.Repeat("9", digits) + `"`).Int(); ok != want {
			t.Errorf("%d digits: %v, want %v", digits, ok, want)
		}
	}
}

type repeat byte

func (r repeat) Read(p []byte) (int, error) {
	for i := range p {
		p[i] = byte(r)
	}
	return len(p), nil
}

func TestScanGivesTheErrorOfReading(t *testing.T) {
	broken := errors.New("disk on fire")
	if err := Scan(io.MultiReader(strings.NewReader(prefix+"x"), iotest.ErrReader(broken)), func(Line) {}); !errors.Is(err, broken) {
		t.Error(err)
	}
}

func TestFiles(t *testing.T) {
	var names []string
	for i := range 20 {
		name := filepath.Join(t.TempDir(), "log")
		if err := os.WriteFile(name, fmt.Append(nil, i), 0o600); err != nil {
			t.Fatal(err)
		}
		names = append(names, name)
	}
	names[7] = Stdin
	got := make([]string, len(names))
	errs := Files(names, strings.NewReader("stdin"), func(i int, log io.Reader) error {
		text, err := io.ReadAll(log)
		got[i] = string(text)
		return err
	})
	if errors.Join(errs...) != nil || got[0] != "0" || got[7] != "stdin" || got[19] != "19" {
		t.Error(got, errs)
	}
	names[3] = "nowhere3"
	errs = Files(names, strings.NewReader(""), func(i int, _ io.Reader) error {
		if i == 9 {
			return errors.New("ninth")
		}
		return nil
	})
	for i, err := range errs {
		if (err != nil) != (i == 3 || i == 9) {
			t.Error(i, err)
		}
	}
	if !errors.Is(errs[3], os.ErrNotExist) || errs[9].Error() != names[9]+": ninth" {
		t.Error(errs)
	}
}

func FuzzScan(f *testing.F) {
	for _, seed := range []string{"a\n" + prefix + "{}", prefix + `{"time_ms": "1_0", "key": "\ud83d\ude00", "value": [1e5, {"a": NaN}], "metadata": ""}` + "\r\xa0", prefix + prefix} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, log []byte) {
		if diff := cmp.Diff(plainScan(log), scanned(t, iotest.HalfReader(bytes.NewReader(log)))); diff != "" {
			t.Error(diff)
		}
	})
}

// FuzzJSON holds the scanner against encoding/json on what both read.
func FuzzJSON(f *testing.F) {
	for _, seed := range []string{`{"a": [1, -2.5e-3, true, null, "x\n\u00e9"]}`, `[]`, `"\ud800"`, `-0`, `01`, `[1,]`, "{\"a\":\"\x01\"}"} {
		f.Add([]byte(seed))
	}
	words := regexp.MustCompile("NaN|Infinity")
	f.Fuzz(func(t *testing.T, text []byte) {
		s := scanner{text: text}
		s.space()
		ok := s.value()
		s.space()
		ok = ok && s.at == len(text)
		if words.Match(text) || len(text) > 4000 {
			return
		}
		if want := json.Valid(text); ok != want {
			t.Errorf("%q: %v, want %v: %s", text, ok, want, s.problem)
		}
		if !ok {
			return
		}
		raw := Raw(bytes.TrimSpace(text))
		if !equal(raw, append(Raw{}, raw...)) {
			t.Errorf("%q differs from itself", text)
		}
		if text, isText := raw.Text(); isText {
			var want string
			if err := json.Unmarshal(raw, &want); err != nil || bytes.Contains(raw, []byte(`\u`)) {
				return // a half of a pair is kept here, replaced there
			}
			if want != text && !strings.ContainsRune(want, '\ufffd') {
				t.Errorf("%s is %q, want %q", raw, text, want)
			}
		}
	})
}
