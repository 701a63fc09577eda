// SPDX-FileCopyrightText: The mlperf-ssd authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"

	"mlperf-ssd/orchestrator/internal/tensorfile"
)

// checkLog wants whole lines, and a run that began to be closed unless its launcher was killed. It says
// how far the log has come.
func checkLog(path string, killed bool) (string, error) {
	text, err := os.ReadFile(path)
	if errors.Is(err, os.ErrNotExist) {
		return "no log", nil
	} else if err != nil {
		return "", err
	}
	if len(text) > 0 && text[len(text)-1] != '\n' {
		return "", fmt.Errorf("the log ends within a line: %.200s", text[max(0, len(text)-200):])
	}
	begun := map[string]int{}
	for line := range strings.Lines(string(text)) {
		event, found := strings.CutPrefix(line, ":::MLLOG ")
		var e struct{ Key string }
		if !found || json.Unmarshal([]byte(event), &e) != nil {
			return "", fmt.Errorf("no line of a log: %q", line)
		}
		begun[e.Key]++
	}
	starts, stops := begun["run_start"], begun["run_stop"]
	switch {
	case starts > 1 || stops > starts || stops < starts && !killed:
		return "", fmt.Errorf("%d run_start and %d run_stop in the log", starts, stops)
	case starts == 0:
		return "before run_start", nil
	case stops == 0:
		return "open", nil
	}
	return "closed", nil
}

// record is what a drill reads of run.json.
type record struct {
	Status   string `json:"status"`
	Error    string `json:"error"`
	ExitCode int    `json:"exit_code"`
}

// checkRecord wants the cause: who was struck, and by what. It gives run.json's words.
func checkRecord(s strike, path string) (string, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return "", err
	}
	var r record
	if err := json.Unmarshal(text, &r); err != nil {
		return "", fmt.Errorf("run.json: %w", err)
	}
	if r.ExitCode != s.code || r.Status != "aborted" {
		return "", fmt.Errorf("run.json has status %s and exit code %d: %s", r.Status, r.ExitCode, r.Error)
	}
	for _, want := range []string{s.who(), s.says} {
		if !regexp.MustCompile(want).MatchString(r.Error) {
			return "", fmt.Errorf("run.json does not say %q: %s", want, r.Error)
		}
	}
	return r.Error, nil
}

// who is a regular expression of the name of what was struck.
func (s strike) who() string {
	const first = `^(trial 0: )?`
	switch {
	case s.target == launcher || s.target == home:
		return ""
	case s.target == node:
		return fmt.Sprintf(first+`rank [%d%d] on n%d `, ranksPerNode*(s.victim-1), ranksPerNode*s.victim-1, s.victim)
	case s.place == onCluster:
		return fmt.Sprintf(first+`rank %d on n%d `, s.victim, s.victim/ranksPerNode+1)
	}
	return fmt.Sprintf(first+`rank %d\b`, s.victim)
}

// checkCheckpoints wants all of them whole: the fake engine's hold the step.
func checkCheckpoints(s strike, dir string) error {
	files, err := filepath.Glob(filepath.Join(dir, "step_*.safetensors"))
	if err != nil {
		return err
	}
	for _, path := range files {
		if s.place == onReal {
			file, err := tensorfile.Open(path)
			if err != nil {
				return err
			}
			file.Close()
			continue
		}
		text, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		if step := strings.TrimLeft(strings.TrimSuffix(strings.TrimPrefix(filepath.Base(path), "step_"), ".safetensors"), "0"); string(text) != step {
			return fmt.Errorf("%s holds %q, want %q", path, text, step)
		}
	}
	return nil
}
