// SPDX-FileCopyrightText: The mlperf-ssd authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"

	"github.com/urfave/cli/v2"

	"mlperf-ssd/orchestrator/internal/coco"
	"mlperf-ssd/orchestrator/internal/exit"
)

func TestPrepareCOCOFails(t *testing.T) {
	server := httptest.NewServer(http.NotFoundHandler())
	defer server.Close()
	out, code := prepare(t, "coco", filepath.Join(t.TempDir(), "coco"), "--base-url", server.URL)
	if code != exit.Failed || !strings.Contains(out, ".zip: the server answers 404 Not Found") && !strings.Contains(out, "GB are needed, the disk has") {
		t.Errorf("exit %d, want %d: %s", code, exit.Failed, out)
	}
}

func TestCOCOPrinted(t *testing.T) {
	report := coco.Report{Dir: "d", Items: []coco.Item{{Name: "val2017", State: coco.Present, Files: 5, Bytes: 2e6}, {Name: "a.json", State: coco.Present, Bytes: 1e6}}}
	for want, asJSON := range map[string]bool{
		"present  val2017: 5 files, 2.0 MB\npresent  a.json: 1.0 MB\nd: all is there, nothing done\n": false,
		"{\n  \"dir\": \"d\",\n  \"items\": [\n    {\n      \"name\": \"val2017\",\n      \"state\": \"present\",\n      \"files\": 5,\n      \"bytes\": 2000000\n    },\n    {\n      \"name\": \"a.json\",\n      \"state\": \"present\",\n      \"bytes\": 1000000\n    }\n  ]\n}\n": true,
	} {
		var out strings.Builder
		app := &cli.App{Name: "x", Writer: &out, Flags: []cli.Flag{jsonFlag()}, Action: func(c *cli.Context) error { return printCOCO(c, report) }}
		arguments := []string{"x"}
		if asJSON {
			arguments = append(arguments, "--json")
		}
		if err := app.Run(arguments); err != nil || out.String() != want {
			t.Errorf("%v: got %q, want %q", err, out.String(), want)
		}
	}
}
