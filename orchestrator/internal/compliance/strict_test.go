// SPDX-FileCopyrightText: The mlperf-ssd authors
// SPDX-License-Identifier: Apache-2.0

package compliance_test

import (
	"strings"
	"testing"

	"mlperf-ssd/orchestrator/internal/compliance"
)

func strictReport(t *testing.T, log string) compliance.Report {
	t.Helper()
	c := compliance.New().Strict()
	if err := compliance.Scan(strings.NewReader(log), c.Line); err != nil {
		t.Fatal(err)
	}
	return c.Report()
}

func TestStrict(t *testing.T) {
	log := complying(t)
	if report := strictReport(t, log); len(report.Findings) > 0 {
		t.Errorf("an orderly log: %v", report.Findings)
	}
	line := func(key, part string) string {
		for line := range strings.Lines(log) {
			if strings.Contains(line, `"key": "`+key+`"`) && strings.Contains(line, part) {
				return line
			}
		}
		t.Fatalf("no line of %s has %s", key, part)
		return ""
	}
	start3, stop3 := line("epoch_start", `"epoch_num": 3,`), line("epoch_stop", `"epoch_num": 3}`)
	for _, test := range []struct{ name, log, want string }{
		{"aborted", strings.Replace(log, `"success"`, `"aborted"`, 1), `run_stop: the run did not succeed, expected "success", found "aborted"`},
		{"first boundary", strings.Replace(log, "[44, 55]", "[41, 55]", 1), "a boundary does not follow the rule, expected [40, 50] x (1 + k/10), found [41, 55]"},
		{"different k", strings.Replace(log, "[44, 55]", "[40, 55]", 1), "different k"},
		{"three boundaries", strings.Replace(log, "[44, 55]", "[44, 55, 66]", 1), "a boundary does not follow the rule"},
		{"event type", strings.Replace(log, "INTERVAL_START", "INTERVALL", 1), `has an unknown event_type, expected INTERVAL_START, INTERVAL_END or POINT_IN_TIME, found "INTERVALL"`},
		{"clock", withField(log, "seed", `"time_ms": `, "1634431506369"), "seed: the clock goes back 1 ms"},
		{"an epoch left out", strings.Replace(strings.Replace(log, start3, "", 1), stop3, "", 1), "epoch_start: epochs are out of order, expected epoch_num 3, found epoch_num 4"},
		{"an epoch that does not stop", strings.Replace(log, stop3, "", 1), "epoch_start: epochs are out of order"},
		{"an epoch that does not start", strings.Replace(log, start3, "", 1), "epoch_stop: epochs are out of order, expected epoch_num 2, found epoch_num 3"},
		{"no eval_start", strings.Replace(log, line("eval_start", ""), "", 1), "stands before its eval_start"},
		{"epoch as text", strings.Replace(log, `"epoch_num": 3}`, `"epoch_num": "3"}`, 1), "its epoch_num is no number"},
		{"a key that is none", log + `:::MLLOG {"time_ms": 1e13, "event_type": "POINT_IN_TIME", "key": 5, "value": 1, "metadata": {}}`, "the key is no string"},
	} {
		report := strictReport(t, test.log)
		found := false
		for _, f := range report.Warnings() {
			found = found || strings.Contains(f.String(), test.want)
		}
		if !found || len(report.Errors()) > 0 || test.log == log {
			t.Errorf("%s: %v, want %s", test.name, report.Findings, test.want)
		}
		if ordinary, err := compliance.Check(strings.NewReader(test.log)); err != nil || len(ordinary.Findings) > 0 {
			t.Errorf("%s: not strict: %v %v", test.name, ordinary.Findings, err)
		}
	}
}

// The open division has fewer rules.
func TestOpenDivision(t *testing.T) {
	closed := complying(t)
	open := strings.Replace(closed, `"closed"`, `"open"`, 1)
	for _, test := range []struct {
		name, from, to string
		closed, open   bool
	}{
		{"target", "0.2337832467298352", "0.2", false, true},
		{"no fraction", "0.1}", "0.1}", true, true},
		{"accumulation", `"gradient_accumulation_steps", "value": 1`, `"gradient_accumulation_steps", "value": 0`, false, true},
		{"no batch size", "global_batch_size", "another", false, true},
		{"boundaries", "[44, 55]", "[1, 2]", false, true},
		{"tensor", "ssd0_expand_conv0_bias", "x", false, true},
		{"accuracy is no number", "0.2337832467298352", "null", false, false},
		{"status", "onprem", "somewhere", false, false},
		{"no run_stop", "run_stop", "run_halt", false, false},
		{"resnet", `"ssd"`, `"resnet"`, false, true},
		{"maskrcnn", `"ssd"`, `"maskrcnn"`, false, false},
	} {
		check(t, test.name+" closed", strings.Replace(closed, test.from, test.to, 1), test.closed)
		check(t, test.name+" open", strings.Replace(open, test.from, test.to, 1), test.open)
	}
	check(t, "all at 1", withValue(open, "eval_accuracy", "1.0"), false)
}

// A wrong log of any length has an end to its findings.
func TestFindingsEnd(t *testing.T) {
	report, err := compliance.Check(strings.NewReader(complying(t) + strings.Repeat(":::MLLOG x\n", 10000)))
	if n := len(report.Errors()); err != nil || n > 1000 || n < 100 {
		t.Errorf("%d errors, %v", n, err)
	}
	if last := report.Findings; !strings.Contains(last[0].String(), "findings more") {
		t.Errorf("%v", last[0])
	}
}
