// SPDX-FileCopyrightText: The mlperf-ssd authors
// SPDX-License-Identifier: Apache-2.0

package progress

import (
	"bytes"
	"testing"
	"time"
)

func TestTransfersShown(t *testing.T) {
	for terminal, want := range map[bool]string{
		true: "\r\x1b[Kdownload a.zip [##........]  20% of 10.0 MB" +
			"\r\x1b[Kdownload a.zip [#####.....]  50% of 10.0 MB, 3.0 MB/s  unpack b.zip [..........]   0% of 5.0 MB" +
			"\r\x1b[Kunpack b.zip [..........]   0% of 5.0 MB\r\x1b[K",
		false: "download a.zip [##........]  20% of 10.0 MB\n" +
			"download a.zip [#####.....]  50% of 10.0 MB, 3.0 MB/s\n" +
			"unpack b.zip [..........]   0% of 5.0 MB\n" +
			"download a.zip [##########] 100% of 10.0 MB, 8.0 MB/s\n",
	} {
		var out bytes.Buffer
		now := time.Unix(100, 0)
		shown := &Transfers{out: &out, terminal: terminal, width: func() int { return 0 }, now: func() time.Time { return now }}
		shown.Update("download", "a.zip", 2e6, 10e6)
		now = now.Add(time.Second)
		if terminal {
			shown.drawn = now // too soon for the first of the two
		}
		shown.Update("download", "a.zip", 5e6, 10e6)
		now = now.Add(time.Millisecond)
		if terminal {
			shown.drawn = time.Time{}
		}
		now = now.Add(-time.Millisecond)
		shown.Update("unpack", "b.zip", 0, 5e6)
		shown.Update("download", "a.zip", 10e6, 10e6)
		shown.Clear()
		if out.String() != want {
			t.Errorf("terminal %v:\ngot  %q\nwant %q", terminal, out.String(), want)
		}
	}
}
