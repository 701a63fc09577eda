// SPDX-FileCopyrightText: The mlperf-ssd authors
// SPDX-License-Identifier: Apache-2.0

package compliance_test

import (
	"bytes"
	"strings"
	"testing"

	"mlperf-ssd/orchestrator/internal/compliance"
	"mlperf-ssd/orchestrator/internal/compliance/logtest"
)

// complying is a log without a finding.
func complying(t *testing.T) string {
	t.Helper()
	var log bytes.Buffer
	if err := logtest.Write(&log, logtest.Run{Minutes: 20, Epochs: 50, Batch: 456, Seed: 1}); err != nil {
		t.Fatal(err)
	}
	return log.String()
}

// withValue sets the value of every line of a key.
func withValue(log, key, value string) string { return withField(log, key, `"value": `, value) }

func withMetadata(log, key, metadata string) string {
	return withField(log, key, `"metadata": `, metadata+"}")
}

func withField(log, key, field, text string) string {
	var out strings.Builder
	for line := range strings.Lines(log) {
		if strings.Contains(line, `"key": "`+key+`"`) {
			before, after, _ := strings.Cut(line, field)
			rest := "\n"
			if field != `"metadata": ` {
				rest = after[strings.Index(after, `, "`):]
			}
			line = before + field + text + rest
		}
		out.WriteString(line)
	}
	return out.String()
}

// The answers are those of the official 1.1.0 checker; a crash of it is a fail.
func TestValuesAsPythonReadsThem(t *testing.T) {
	log := complying(t)
	const decay = "opt_learning_rate_decay_boundary_epochs"
	for _, test := range []struct {
		key, value string
		pass       bool
	}{
		{"max_samples", "true", true}, {"max_samples", "50.0", true}, {"max_samples", "5e1", true}, {"max_samples", `"50"`, false},
		{"max_samples", "null", false}, {"max_samples", "[1]", false}, {"max_samples", "NaN", false},
		{"model_bn_span", "true", true}, {"model_bn_span", "false", false}, {"model_bn_span", "Infinity", true},
		{"model_bn_span", "NaN", false}, {"model_bn_span", `"114"`, false}, {"model_bn_span", strings.Repeat("1", 400), true},
		{"model_bn_span", strings.Repeat("1", 5000), false}, {"model_bn_span", "01", false}, {"model_bn_span", "1.", false},
		{"opt_learning_rate_warmup_factor", "-0.0", true}, {"opt_learning_rate_warmup_factor", "-1e-9", false},
		{"opt_learning_rate_warmup_factor", "1e999", true},
		{"gradient_accumulation_steps", "0.5", true}, {"gradient_accumulation_steps", "false", false}, {"gradient_accumulation_steps", "{}", false},
		{"opt_weight_decay", "null", true}, {"opt_base_learning_rate", `"fast"`, true}, {"global_batch_size", "{}", true},
		{"train_samples", "null", true}, {"train_samples", `""`, false}, {"eval_samples", "[]", true},
		{"submission_org", "null", true}, {"submission_org", "0", true}, {"submission_org", `" "`, true}, {"submission_platform", `""`, false},
		{"submission_status", `["onprem"]`, false}, {"submission_status", `"\u006fnprem"`, true}, {"submission_status", `"Onprem"`, false},
		{"submission_division", `"open"`, true}, {"submission_division", "null", false},
		{"submission_benchmark", `"bert"`, false}, {"submission_benchmark", `"yolo"`, false},
		{"eval_accuracy", "0.23", true}, {"eval_accuracy", "0.9999", true}, {"eval_accuracy", "1.0", false}, {"eval_accuracy", "1", false},
		{"eval_accuracy", "true", false}, {"eval_accuracy", "NaN", false}, {"eval_accuracy", "null", false}, {"eval_accuracy", `"0.3"`, false},
		{decay, "[41, 55]", true}, {decay, "[44, 56]", false}, {decay, "[44, 55, 66]", true}, {decay, "[55]", false}, {decay, "55", false},
		{decay, `["a", 55.0]`, true}, {decay, `[44, "55"]`, false}, {decay, "[44, true]", false}, {decay, "[44, 55.00004]", true},
		{decay, "[44, 55.0001]", false}, {decay, "[44, NaN]", false}, {decay, "[44, Infinity]", false}, {decay, "[44, 1e300]", true},
		{decay, `"44"`, false}, {decay, `{"1": 55}`, false}, {decay, "[44, -50]", true},
	} {
		check(t, test.key+" "+test.value, withValue(log, test.key, test.value), test.pass)
	}
}

func check(t *testing.T, name, log string, pass bool) {
	t.Helper()
	report, err := compliance.Check(strings.NewReader(log))
	if err != nil || (len(report.Errors()) == 0) != pass {
		if len(name) > 200 {
			name = name[:200]
		}
		t.Errorf("%s: want pass %v, got %v %v", name, pass, report.Findings, err)
	}
}

func TestMetadataAsPythonReadsThem(t *testing.T) {
	log := complying(t)
	for _, test := range []struct {
		key, metadata string
		pass          bool
	}{
		{"run_stop", `{"status": null}`, true}, {"run_stop", `"the status"`, true}, {"run_stop", `["status"]`, true},
		{"run_stop", `{"Status": 1}`, false}, {"run_stop", "null", false}, {"run_stop", "5", false}, {"run_stop", "[]", false},
		{"run_stop", `{"stat\u0075s": 1}`, true},
		{"epoch_start", `{"epoch_num": null}`, true}, {"epoch_start", "{}", false}, {"eval_accuracy", `"epoch_num"`, true},
		{"cache_clear", "null", true}, {"global_batch_size", "7", true},
		{"weights_initialization", "null", false}, {"weights_initialization", `["tensor"]`, false},
		{"weights_initialization", `{"tensor": "ssd0_expand_conv0_bias"}`, false},
	} {
		check(t, test.key+" "+test.metadata, withMetadata(log, test.key, test.metadata), test.pass)
	}
}

func TestTimesAsPythonReadsThem(t *testing.T) {
	log := complying(t)
	for _, test := range []struct {
		key, time string
		pass      bool
	}{
		{"seed", `"12"`, true}, {"seed", `" 1_0 "`, true}, {"seed", `"1__0"`, false}, {"seed", `"0x1p3"`, false}, {"seed", "true", true},
		{"seed", "NaN", true}, {"seed", "null", false}, {"seed", `"soon"`, false}, {"seed", strings.Repeat("1", 400), false},
		{"init_stop", "NaN", false}, {"init_stop", "1634433306369", true}, {"init_stop", "1634433306370", false},
		{"init_stop", "-1", true}, {"init_start", "NaN", true}, {"init_start", "0", false},
	} {
		check(t, test.key+" "+test.time, withField(log, test.key, `"time_ms": `, test.time), test.pass)
	}
}

func TestLinesAsTheyCome(t *testing.T) {
	log := complying(t)
	const line = `{"time_ms": 1, "key": "x", "value": 1, "metadata": {}}`
	for _, test := range []struct {
		line string
		pass bool
	}{
		{":::MLLOG " + line, true}, {"[rank 3] :::MLLOG    " + line + " \t", true}, {":::MLLOG " + line + "\xa0\x85\x1c\r", true},
		{":::MLLOG x :::MLLOG " + line, true}, {":::MLLOG " + line + " :::MLLOG x", false}, {":::MLLOG " + line + " x", false},
		{":::MLLOG " + line + "\x8a", false}, {":::MLLOG " + line + "\r:::MLLOG {}", false}, {"progress 1\rprogress 2\r:::MLLOG " + line, true},
		{":::MLLOG", true}, {":::MLLOG ", false}, {":::MLL x", true}, {":::MLLOG [1]", false}, {":::MLLOG null", false}, {":::MLLOG {}", false},
		{`:::MLLOG {"time_ms": 1, "key": "x", "value": 1}`, false}, {`:::MLLOG {"time_ms": 1, "key": 5, "value": 1, "metadata": null}`, true},
		{`:::MLLOG {"time_ms": 1, "time_ms": null, "key": "x", "value": 1, "metadata": {}}`, false},
		{`:::MLLOG {"time_ms": null, "time_m\u0073": 1, "key": "x", "value": 1, "metadata": {}}`, true},
		{":::MLLOG {\"time_ms\": 1, \"key\": \"a\tb\", \"value\": 1, \"metadata\": {}}", false},
		{`:::MLLOG {"time_ms": 1, "key": "\x", "value": 1, "metadata": {}}`, false},
		{`:::MLLOG {"time_ms": 1, "key": "\ud800", "value": 1, "metadata": {}}`, true},
		{":::MLLOG {\"time_ms\": 1, \"key\": \"\xe9\xff\", \"value\": 1, \"metadata\": {}}", true},
		{`:::MLLOG {"time_ms": 1, "key": "x", "value": 1, "metadata": {},}`, false}, {`:::MLLOG {'time_ms': 1}`, false},
		{`:::MLLOG {"time_ms": 1, "key": "x", "value": [nan], "metadata": {}}`, false},
		{`:::MLLOG {"time_ms": 1, "key": "x", "value": [NaN, -Infinity, 1e5, -0], "metadata": {}}`, true},
		{":::MLLOG {\"x\": " + strings.Repeat("[", 500) + strings.Repeat("]", 500) + ", " + line[1:], true},
		{":::MLLOG {\"x\": " + strings.Repeat("[", 1e5) + ", " + line[1:], false},
		{strings.Repeat("no end ", 1e5), true}, {strings.Repeat(".", 1<<18-5) + ":::MLLOG " + line, true},
	} {
		for _, end := range []string{"\n", "\r\n"} {
			check(t, test.line, strings.ReplaceAll(log+test.line+"\n", "\n", end), test.pass)
		}
	}
	check(t, "nothing", "", false)
	check(t, "no newline at the end", strings.TrimSuffix(log, "\n"), true)
}

// Python takes 1, 1.0 and true for the same value.
func TestRepeatedKeys(t *testing.T) {
	log := complying(t)
	again := func(log, key, value string) string {
		return log + `:::MLLOG {"time_ms": 1e13, "key": "` + key + `", "value": ` + value + `, "metadata": {}}` + "\n"
	}
	for _, test := range []struct {
		key, value string
		pass       bool
	}{
		{"global_batch_size", "456", true}, {"global_batch_size", "456.0", true}, {"global_batch_size", "4.56e2", true},
		{"global_batch_size", `"456"`, false}, {"global_batch_size", "456.0000001", false}, {"max_samples", "true", true},
		{"submission_org", `"\u004frg"`, true}, {"submission_org", `"Org "`, false},
		{"opt_learning_rate_decay_boundary_epochs", "[44.0, 55]", true}, {"opt_learning_rate_decay_boundary_epochs", "[44, 60]", false},
	} {
		check(t, test.key+" "+test.value, again(log, test.key, test.value), test.pass)
	}
	for _, test := range []struct {
		first, second string
		pass          bool
	}{
		{"NaN", "NaN", true}, {"9007199254740993", "9007199254740993", true}, {"9007199254740993", "9007199254740992.0", false},
		{`{"a": 1, "b": [true]}`, `{"b": [1.0], "a": 1}`, true}, {`{"a": 1}`, `{"a": 1, "b": 1}`, false}, {"null", "false", false},
		{"[[1]]", "[[1], 2]", false}, {"1e999", "Infinity", true}, {strings.Repeat("1", 400), "Infinity", false},
		{"\"caf\xe9\"", `"caf\u00e9"`, true}, {"\"caf\xc3\xa9\"", `"caf\u00e9"`, false}, {`"\ud83d\ude00"`, `"\ud83d"`, false},
	} {
		check(t, test.first+" "+test.second, again(withValue(log, "opt_weight_decay", test.first), "opt_weight_decay", test.second), test.pass)
	}
}
