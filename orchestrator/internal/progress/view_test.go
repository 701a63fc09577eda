// SPDX-FileCopyrightText: The mlperf-ssd authors
// SPDX-License-Identifier: Apache-2.0

package progress

import (
	"bytes"
	"fmt"
	"math"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"
	"unicode/utf8"

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
	v := &View{out: &out, terminal: true, width: func() int { return 20 }, now: time.Now}
	v.Update(worker.Progress{Phase: "prepare"})
	fmt.Fprint(v.Errors(), "0: warning\n")
	if got, want := out.String(), "\r\033[Kpreparing: plannin…\r\033[K0: warning\n"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

type full struct{}

func (full) Write([]byte) (int, error) { return 0, syscall.ENOSPC }

func TestErrorsGoNowhereWhenTheyHaveNoPlace(t *testing.T) {
	v := &View{out: full{}, now: time.Now}
	if n, err := fmt.Fprint(v.Errors(), "0: warning\n"); n != 11 || err != nil {
		t.Errorf("%d bytes (%v)", n, err)
	}
}

func TestPicture(t *testing.T) {
	o := worker.Outcome{Status: "success", Epochs: 3, Steps: 12, BestAP: 0.46, RunSeconds: 3700, ImagesPerSecond: 5,
		Losses: []float64{20, 11, 5}, Accuracy: []worker.Scored{{Epoch: 1, AP: 0}, {Epoch: 3, AP: 0.46}}}
	want := "\n" +
		"  loss 20.00 │████\n" +
		"             │████\n" +
		"             │████▆▆▆▆\n" +
		"             │████████▂▂▂▂\n" +
		"             │████████████\n" +
		"           0 └────────────\n" +
		"              3 epochs, the last 5.000\n" +
		"AP    epoch   1  0.0000  " + strings.Repeat("·", 20) + "|  (| is the target, 0.23)\n" +
		"AP    epoch   3  0.4600  " + strings.Repeat("█", 20) + "|" + strings.Repeat("█", 19) + "\n" +
		"target reached: 3 epochs, 12 steps in 1h01m, 5.0 images/s, best AP 0.4600\n"
	if got := Picture(o, End{Target: 0.23}); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
	o.Skipped = worker.Skipped{Train: 3}
	want += "bad images skipped: 3 in training, 0 in evaluations (`mlperf-ssd prepare verify` names them)\n"
	if got := Picture(o, End{Target: 0.23}); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

func TestPictureSaysHowItEnded(t *testing.T) {
	missed := worker.Outcome{Status: "aborted", Epochs: 1, Steps: 4}
	for _, test := range []struct {
		o    worker.Outcome
		end  End
		want string
	}{
		{missed, End{Target: 0.23}, "ended below the target: 1 epoch, "},
		{missed, End{Target: 0.23, Smoke: true}, "done, a short run that need not"},
		{missed, End{Target: 0.23, Smoke: true, Stopped: true}, "stopped: 1 epoch, "},
		{worker.Outcome{Status: "aborted"}, End{Stopped: true}, ""},
		{worker.Outcome{Status: "success", Steps: 4}, End{Stopped: true}, "target reached: "},
	} {
		if got := Picture(test.o, test.end); !strings.HasPrefix(got, test.want) || test.want == "" && got != "" {
			t.Errorf("%+v, %+v: %q, want %q", test.o, test.end, got, test.want)
		}
	}
}

func TestOneEpochHasNoChart(t *testing.T) {
	if got, want := chart("loss", []float64{34.3694}), "\nloss  34.369 in the only epoch\n"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

// No loss is too long or too strange for the chart.
func TestChartIsBounded(t *testing.T) {
	long := make([]float64, 1000)
	for i := range long {
		long[i] = float64(i)
	}
	for _, values := range [][]float64{nil, {math.NaN()}, {0}, {math.Inf(1), 1}, {1e300, math.NaN(), 1}, {-1}, long} {
		for line := range strings.Lines(chart("loss", values)) {
			if n := utf8.RuneCountInString(line); n > chartWidth+20 {
				t.Errorf("%v: a line of %d characters", values[:2], n)
			}
		}
	}
	if got := resampled([]float64{1, 3, 5, 7, 9, 11}, 3); !slices.Equal(got, []float64{2, 6, 10}) {
		t.Errorf("means %v", got)
	}
}

// A line as wide as its terminal wraps on some of them.
func TestFit(t *testing.T) {
	for _, test := range []struct {
		line    string
		columns int
		want    string
	}{{"loss", 0, "loss"}, {"loss", 1, "loss"}, {"loss", 5, "loss"}, {"loss", 4, "lo…"}, {"ä▁▂▃", 3, "ä…"}, {"", 2, ""}} {
		if got := fit(test.line, test.columns); got != test.want {
			t.Errorf("%q in %d: %q, want %q", test.line, test.columns, got, test.want)
		}
	}
}
