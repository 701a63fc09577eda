// SPDX-FileCopyrightText: The mlperf-ssd authors
// SPDX-License-Identifier: Apache-2.0

package progress

import (
	"bytes"
	"testing"
)

func TestCounterNeverCountsBack(t *testing.T) {
	var out bytes.Buffer
	n := &Counter{out: &out, verb: "drawing"}
	n.Update(1, 3)
	n.Update(3, 3)
	n.Update(2, 3) // told late by another goroutine
	n.Begin("decoding val:")
	n.Update(1, 2)
	n.Clear()
	if want := "\r\x1b[Kdrawing 1 of 3 images\r\x1b[Kdrawing 3 of 3 images\r\x1b[Kdecoding val: 1 of 2 images\r\x1b[K"; out.String() != want {
		t.Errorf("got %q, want %q", out.String(), want)
	}
	quiet := &Counter{}
	quiet.Update(1, 1)
	quiet.Clear()
}
