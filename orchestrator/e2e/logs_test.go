// SPDX-FileCopyrightText: The mlperf-ssd authors
// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/rogpeppe/go-internal/testscript"

	"mlperf-ssd/orchestrator/internal/atomicfile"
	"mlperf-ssd/orchestrator/internal/compliance/logtest"
)

// writeRunLog FILE [minutes=N] [epochs=N] [batch=N] [seed=N] [division=D] [aborted]: writes the log of a
// run of 20 minutes and 50 epochs, if not told otherwise.
func writeRunLog(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 1 {
		ts.Fatalf("usage: runlog FILE [key=value...]")
	}
	run := logtest.Run{Minutes: 20, Epochs: 50, Batch: 456, Seed: 1}
	for _, arg := range args[1:] {
		key, value, _ := strings.Cut(arg, "=")
		number := func() int64 {
			n, err := strconv.ParseInt(value, 10, 64)
			ts.Check(err)
			return n
		}
		switch key {
		case "begin":
			run.Begin = int(number())
		case "minutes":
			run.Minutes = int(number())
		case "epochs":
			run.Epochs = number()
		case "batch":
			run.Batch = number()
		case "seed":
			run.Seed = number()
		case "division":
			run.Division = value
		case "aborted":
			run.Aborted = true
		default:
			ts.Fatalf("runlog: what is %s?", arg)
		}
	}
	path := ts.MkAbs(args[0])
	ts.Check(os.MkdirAll(filepath.Dir(path), 0o755))
	ts.Check(atomicfile.Write(path, func(w io.Writer) error { return logtest.Write(w, run) }))
}

// replace FILE OLD NEW puts NEW where OLD first stands.
func replace(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 3 {
		ts.Fatalf("usage: replace FILE OLD NEW")
	}
	text := ts.ReadFile(args[0])
	changed := strings.Replace(text, args[1], args[2], 1)
	if changed == text {
		ts.Fatalf("%s holds no %q", args[0], args[1])
	}
	ts.Check(os.WriteFile(ts.MkAbs(args[0]), []byte(changed), 0o600))
}
