// SPDX-FileCopyrightText: The mlperf-ssd authors
// SPDX-License-Identifier: Apache-2.0

package compliance

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// logs are the accepted logs of the round, where they are.
func logs(t *testing.T) []string {
	t.Helper()
	files, err := filepath.Glob("../../../../shared/mlperf-logs/fujitsu-gx2460m1/result_*.txt")
	if err != nil || len(files) != 5 {
		t.Skip("the logs of the round are not here")
	}
	var texts []string
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		texts = append(texts, string(text))
	}
	return texts
}

func TestAcceptedLogsPass(t *testing.T) {
	for i, text := range logs(t) {
		report, err := Check(strings.NewReader(text))
		if err != nil || len(report.Findings) > 0 {
			t.Errorf("log %d: %v %v", i, report.Findings, err)
		}
	}
}

func dropFirst(text, part string) string {
	lines := strings.SplitAfter(text, "\n")
	for i, line := range lines {
		if strings.Contains(line, part) {
			return strings.Join(append(lines[:i:i], lines[i+1:]...), "")
		}
	}
	return text
}

func doubled(text, part, from, to string) string {
	lines := strings.SplitAfter(text, "\n")
	for i, line := range lines {
		if strings.Contains(line, part) {
			lines[i] += strings.Replace(line, from, to, 1)
			break
		}
	}
	return strings.Join(lines, "")
}

// Vector V18.
func TestOneChangeToAComplyingLog(t *testing.T) {
	text := logs(t)[0]
	accuracy := regexp.MustCompile(`0\.23[0-9]+`)
	for _, test := range []struct {
		name, text       string
		errors, warnings int
	}{
		{"prefix on every line", regexp.MustCompile(`(?m)^`).ReplaceAllString(text, "0: "), 0, 0},
		{"batch size twice", doubled(text, `"global_batch_size"`, "", ""), 0, 1},
		{"two batch sizes", doubled(text, `"global_batch_size"`, "456", "457"), 1, 0},
		{"first boundary", strings.Replace(text, `"value": [44, 55]`, `"value": [41, 55]`, 1), 0, 0},
		{"second boundary", strings.Replace(text, `"value": [44, 55]`, `"value": [44, 56]`, 1), 1, 0},
		{"cache_clear twice", doubled(text, `"cache_clear"`, "", ""), 0, 0},
		{"no seed", dropFirst(dropFirst(text, `"seed"`), `"seed"`), 0, 0},
		{"aborted", strings.Replace(text, `"status": "success"`, `"status": "aborted"`, 1), 0, 0},
		{"tensor missing", dropFirst(text, "ssd0_expand_conv3_bias"), 1, 0},
		{"tensor twice", doubled(text, "ssd0_expand_conv3_bias", "", ""), 1, 0},
		{"target missed", accuracy.ReplaceAllString(text, "0.2299999"), 1, 0},
		{"truncated line", text + ":::MLLOG {\"namespace\": \"\", \"time_ms\": 16344\n", 1, 0},
		{"tensor unknown", strings.Replace(text, "ssd0_expand_conv3_bias", "conv3_bias", 1), 2, 0},
		{"loss not a number", regexp.MustCompile(`"loss": [0-9.]+`).ReplaceAllString(text, `"loss": NaN`), 0, 0},
		{"accuracy not a number", regexp.MustCompile(`"eval_accuracy", "value": 0\.23[0-9]+`).ReplaceAllString(text, `"eval_accuracy", "value": NaN`), 1, 0},
		{"infinite span", strings.Replace(text, `"model_bn_span", "value": 114`, `"model_bn_span", "value": -Infinity`, 1), 1, 0},
		{"batch size as text", doubled(text, `"global_batch_size"`, "456", `"456"`), 1, 0},
		{"warm-up of no step", strings.Replace(text, `"value": 771`, `"value": 0`, 1), 1, 0},
		{"max_samples 50", strings.Replace(text, `"max_samples", "value": 1`, `"max_samples", "value": 50`, 1), 0, 0},
		{"max_samples 2", strings.Replace(text, `"max_samples", "value": 1`, `"max_samples", "value": 2`, 1), 1, 0},
		{"accumulation 0", strings.Replace(text, `"gradient_accumulation_steps", "value": 1`, `"gradient_accumulation_steps", "value": 0`, 1), 1, 0},
		{"no cache_clear", dropFirst(text, `"cache_clear"`), 1, 0},
		{"unknown status", strings.Replace(text, `"onprem"`, `"available"`, 1), 1, 0},
		{"no run_stop", dropFirst(text, `"run_stop"`), 1, 0},
		{"CRLF", strings.ReplaceAll(text, "\n", "\r\n"), 0, 0},
		{"Latin-1", strings.Replace(text, `"Fujitsu"`, "\"F\xfcjitsu\"", 1), 0, 0},
		{"empty organisation", strings.Replace(text, `"Fujitsu"`, `""`, 1), 1, 0},
		{"unknown division", strings.Replace(text, `"closed"`, `"shut"`, 1), 1, 0},
	} {
		if test.text == text {
			t.Errorf("%s: changed nothing", test.name)
		}
		report, err := Check(strings.NewReader(test.text))
		if err != nil || len(report.Errors()) != test.errors || len(report.Warnings()) != test.warnings {
			t.Errorf("%s: errors %v, warnings %v, %v", test.name, report.Errors(), report.Warnings(), err)
		}
	}
}

func TestOrderAndTime(t *testing.T) {
	line := func(ms, key, metadata string) string {
		return prefix + `{"time_ms": ` + ms + `, "key": "` + key + `", "value": null, "metadata": {` + metadata + "}}\n"
	}
	for _, test := range []struct{ text, want string }{
		{line("0", "run_start", "") + line("1", "init_start", ""), "comes after run_start"},
		{line("0", "init_start", "") + line("1800000", "init_stop", ""), "comes 30.0 minutes after init_start"},
		{line("0", "run_stop", `"status": "x"`), "comes before run_start"},
		{line("0", "epoch_start", ""), "its metadata lack epoch_num"},
		{line("0", "block_start", ""), "its metadata need epoch_count"},
		{line("0", "weights_initialization", `"tensor": "x"`), "tensor x is unknown"},
		{line("0", "weights_initialization", `"tensor": 1`), "tensor 1 is unknown"},
		{line("0", "weights_initialization", ""), "its metadata lack tensor"},
		{line("0", "max_samples", ""), "max_samples: is out of range, expected 1 or 50, found null"},
		{prefix + `{"time_ms": 1, "key": "x \"NaN", "value": NaN, "metadata": {}` + "\n", "the line is no JSON object"},
		{prefix + `{"key": "x"}` + "\n", "the line lacks time_ms"},
		{prefix + `{"time_ms": "a", "key": "x", "value": 1, "metadata": {}}`, "time_ms is no number"},
		{"", "is no MLPerf log"},
		{line("0", "seed", ""), "run_start: is missing"},
	} {
		report, err := Check(strings.NewReader(test.text))
		found := false
		for _, f := range report.Errors() {
			found = found || strings.Contains(f.String(), test.want)
		}
		if err != nil || !found {
			t.Errorf("%q: %v, want %s", test.text, report.Findings, test.want)
		}
	}
}

func FuzzCheck(f *testing.F) {
	f.Add([]byte(prefix + `{"time_ms": 1, "key": "run_stop", "value": null, "metadata": {"status": "x"}}`))
	f.Add([]byte(prefix + "{\xff"))
	f.Fuzz(func(t *testing.T, text []byte) {
		report, err := Check(strings.NewReader(string(text)))
		if err != nil || len(report.Errors()) == 0 {
			t.Errorf("%v %v: no text this short can comply", report, err)
		}
	})
}
