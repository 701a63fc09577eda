// SPDX-FileCopyrightText: The mlperf-ssd authors
// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"github.com/rogpeppe/go-internal/testscript"

	"mlperf-ssd/orchestrator/internal/discover/hosttest"
)

// host NAME DIR: writes the files of a made-up host below the folder.
func host(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: host NAME DIR")
	}
	hosts := map[string]func() hosttest.Host{
		"container": hosttest.Container,
		"dgxa100":   hosttest.DGXA100,
		"gx2460m1":  hosttest.GX2460M1,
		"laptop":    hosttest.Laptop,
	}
	if hosts[args[0]] == nil {
		ts.Fatalf("no host %q", args[0])
	}
	ts.Check(hosts[args[0]]().Write(ts.MkAbs(args[1])))
}
