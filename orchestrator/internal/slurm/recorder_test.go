// SPDX-FileCopyrightText: The mlperf-ssd authors
// SPDX-License-Identifier: Apache-2.0

package slurm

import (
	"context"
	"fmt"
	"io"
	"slices"
	"strings"
	"sync"
)

// recorder is a Runner that notes command lines and answers from a table.
type recorder struct {
	mu      sync.Mutex
	lines   []string
	answers []answer
}

// answer is what a command whose line holds `on` prints, and how it ends; once, unless stays.
type answer struct {
	on, stdout, stderr string
	code               int
	stays              bool
}

func (r *recorder) Run(_ context.Context, c Command) error {
	line := c.Name + " " + strings.Join(c.Args, " ")
	r.mu.Lock()
	defer r.mu.Unlock()
	r.lines = append(r.lines, line)
	at := slices.IndexFunc(r.answers, func(a answer) bool { return strings.Contains(line, a.on) })
	if at < 0 {
		return nil
	}
	a := r.answers[at]
	if !a.stays {
		r.answers = slices.Delete(r.answers, at, at+1)
	}
	if c.Stdout != nil {
		fmt.Fprint(c.Stdout, a.stdout)
	}
	last := &tail{out: c.Stderr}
	if c.Stderr == nil {
		last.out = io.Discard
	}
	fmt.Fprint(last, a.stderr)
	if a.code != 0 {
		return &ExitError{Command: c.Name, Code: a.code, Stderr: last.text()}
	}
	return nil
}
