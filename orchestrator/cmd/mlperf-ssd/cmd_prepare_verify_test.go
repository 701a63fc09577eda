// SPDX-FileCopyrightText: The mlperf-ssd authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"mlperf-ssd/proto/ssdpb"
)

func TestVerificationPrinted(t *testing.T) {
	report := &ssdpb.VerifyReport{
		Splits: []*ssdpb.VerifyReport_Split{{Name: "train", Annotations: "a.json", Images: 5, ImagesWithBoxes: 4, Boxes: 9, CrowdBoxes: 1, Decoded: 3}},
		Counts: []*ssdpb.VerifyReport_Count{{Kind: "missing", Count: 2}, {Kind: "size"}, {Kind: "cmyk", Count: 1}},
		Findings: []*ssdpb.VerifyReport_Finding{
			{Kind: "missing", File: "b.jpg", Detail: "b.jpg: no such file", Fatal: true},
			{Kind: "cmyk", File: "c\x1b[1m.jpg", Detail: "is CMYK"},
		},
		Fatal: 1,
	}
	const body = "error: missing: b.jpg: no such file\nnote: cmyk: c?[1m.jpg: is CMYK\n" +
		"train: 5 images, 4 with boxes, 3 decoded; 9 boxes, 1 of crowds\nmissing: 2\ncmyk: 1\n"
	for fatal, end := range map[int64]string{1: "", 0: "data: a run can use it\n"} {
		report.Fatal = fatal
		var out strings.Builder
		if err := verification("data", report).print(&out); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(body+end, out.String()); diff != "" {
			t.Errorf("fatal %d: (-want +got)\n%s", fatal, diff)
		}
	}
}
