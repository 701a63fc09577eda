// SPDX-FileCopyrightText: The mlperf-ssd authors
// SPDX-License-Identifier: Apache-2.0

package compliance

import (
	"io"
	"os"
	"runtime"
	"sync"
	"sync/atomic"
)

// Stdin is the name that stands for standard input.
const Stdin = "-"

// Files opens logs and shows each to visit, several at a time on several cores: visit must be safe for
// that. The error is the first in the order of the names.
func Files(names []string, stdin io.Reader, visit func(i int, log io.Reader) error) error {
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
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}

func visitFile(name string, stdin io.Reader, visit func(io.Reader) error) error {
	if name == Stdin {
		return visit(stdin)
	}
	file, err := os.Open(name)
	if err != nil {
		return err
	}
	defer file.Close()
	return visit(file)
}
