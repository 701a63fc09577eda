// SPDX-FileCopyrightText: The mlperf-ssd authors
// SPDX-License-Identifier: Apache-2.0

package compliance

import (
	"fmt"
	"io"
	"runtime"
	"sync"
	"sync/atomic"

	"mlperf-ssd/orchestrator/internal/regularfile"
)

// Stdin is the name that stands for standard input.
const Stdin = "-"

// Files opens logs and shows each to visit, several at a time on several cores: visit must be safe for
// that. It gives an error, or nil, for each name.
func Files(names []string, stdin io.Reader, visit func(i int, log io.Reader) error) []error {
	errs := make([]error, len(names))
	var next atomic.Int64
	var workers sync.WaitGroup
	for range min(runtime.GOMAXPROCS(0), len(names)) {
		workers.Go(func() {
			for i := next.Add(1) - 1; int(i) < len(names); i = next.Add(1) - 1 {
				errs[i] = visitFile(names[i], stdin, func(log io.Reader) error { return visit(int(i), log) })
			}
		})
	}
	workers.Wait()
	return errs
}

func visitFile(name string, stdin io.Reader, visit func(io.Reader) error) error {
	if name != Stdin {
		file, err := regularfile.Stream(name)
		if err != nil {
			return err
		}
		defer file.Close()
		stdin = file
	}
	if err := visit(stdin); err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	return nil
}
