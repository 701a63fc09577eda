// SPDX-FileCopyrightText: The mlperf-ssd authors
// SPDX-License-Identifier: Apache-2.0

package progress

import (
	"bytes"
	"fmt"
	"strings"
	"testing"
	"time"

	"mlperf-ssd/orchestrator/internal/worker"
)

func TestPlainViewSpeaksOnChangesAndNowAndThen(t *testing.T) {
	var out bytes.Buffer
	at := time.Unix(1000, 0)
	v := &View{out: &out, now: func() time.Time { return at }}
	v.Update(worker.Progress{Phase: "prepare"})
	p := worker.Progress{Phase: "train", Epoch: 1, Epochs: 2, Iteration: 1, Iterations: 4, Loss: 12.5, LearningRate: 0.001, ImagesPerSecond: 10, SecondsLeft: 65}
	v.Update(p)
	v.Update(p) // too soon
	at = at.Add(quiet)
	p.Iteration = 2
	v.Update(p)
	want := "preparing: planning the network, warming up\n" +
		"epoch 1/2  1/4  10.0 images/s  loss 12.500  lr 0.001  1m05s left\n" +
		"epoch 1/2  2/4  10.0 images/s  loss 12.500  lr 0.001  1m05s left\n"
	if out.String() != want {
		t.Errorf("got %q", out.String())
	}
}

func TestTerminalViewKeepsOtherTextApart(t *testing.T) {
	var out bytes.Buffer
	v := &View{out: &out, terminal: true, now: time.Now}
	v.Update(worker.Progress{Phase: "prepare"})
	fmt.Fprint(v.Errors(), "0: warning\n")
	if got := out.String(); !strings.HasSuffix(got, "\r\033[K0: warning\n") {
		t.Errorf("got %q", got)
	}
}

func TestPicture(t *testing.T) {
	o := worker.Outcome{Status: "success", Epochs: 3, Steps: 12, BestAP: 0.46, RunSeconds: 3700, ImagesPerSecond: 5,
		Losses: []float64{20, 10, 5}, Accuracy: []worker.Scored{{Epoch: 1, AP: 0}, {Epoch: 3, AP: 0.46}}}
	want := "\nloss  █▃▁  20.000 -> 5.000 over 3 epochs\n" +
		"AP    epoch   1  0.0000  " + strings.Repeat("·", 20) + "|\n" +
		"AP    epoch   3  0.4600  " + strings.Repeat("█", 20) + "|" + strings.Repeat("█", 19) + "\n" +
		"target reached: 3 epochs, 12 steps in 1h01m, 5.0 images/s, best AP 0.4600 (target 0.23)\n"
	got := Picture(o, 0.23)
	if got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}
