// SPDX-FileCopyrightText: The mlperf-ssd authors
// SPDX-License-Identifier: Apache-2.0

// Package progress shows people how far a run is: one line that is rewritten on a terminal, a line now
// and then elsewhere, and a picture at the end.
package progress

import (
	"fmt"
	"io"
	"os"
	"sync"
	"time"

	"mlperf-ssd/orchestrator/internal/worker"
)

// quiet is how long a view without a terminal says nothing.
const quiet = 10 * time.Second

// View shows the progress of one run on out. Safe for concurrent use.
type View struct {
	mu       sync.Mutex
	out      io.Writer
	terminal bool
	width    func() int // of the terminal
	now      func() time.Time

	drawn bool // a line without an end stands on the terminal
	last  time.Time
	seen  worker.Progress
}

// New makes a view on a file.
func New(out *os.File) *View {
	return &View{out: out, terminal: IsTerminal(out), width: widthOf(out), now: time.Now}
}

// Update shows new progress.
func (v *View) Update(p worker.Progress) {
	v.mu.Lock()
	defer v.mu.Unlock()
	changed := p.Phase != v.seen.Phase || p.Epoch != v.seen.Epoch || len(p.Accuracy) != len(v.seen.Accuracy)
	v.seen = p
	if p.Phase == "done" {
		return
	}
	switch now := v.now(); {
	case v.terminal:
		fmt.Fprintf(v.out, "\r\033[K%s", fit(Line(p), v.width()))
		v.drawn = true
	case changed || now.Sub(v.last) >= quiet:
		v.last = now
		fmt.Fprintln(v.out, Line(p))
	}
}

// Line says it in one line.
func Line(p worker.Progress) string {
	accuracy := ""
	if n := len(p.Accuracy); n > 0 {
		accuracy = fmt.Sprintf("  AP %.4f (epoch %d)", p.Accuracy[n-1].AP, p.Accuracy[n-1].Epoch)
	}
	switch {
	case p.Phase == "prepare":
		return "preparing: planning the network, warming up"
	case p.Phase == "evaluate":
		return fmt.Sprintf("epoch %d/%d  evaluating%s", p.Epoch, p.Epochs, accuracy)
	case p.Iteration == 0:
		return fmt.Sprintf("epoch %d/%d  %d iterations%s", p.Epoch, p.Epochs, p.Iterations, accuracy)
	default:
		return fmt.Sprintf("epoch %d/%d  %d/%d  %.1f images/s  loss %.3f  lr %.3g  %s left%s", p.Epoch, p.Epochs,
			p.Iteration, p.Iterations, p.ImagesPerSecond, p.Loss, p.LearningRate, Duration(p.SecondsLeft), accuracy)
	}
}

// Duration is a time in seconds as people say it: 45s, 3m20s, 2h05m.
func Duration(seconds float64) string {
	d := time.Duration(seconds * float64(time.Second)).Round(time.Second)
	switch {
	case d < time.Minute:
		return fmt.Sprintf("%ds", int(d.Seconds()))
	case d < time.Hour:
		return fmt.Sprintf("%dm%02ds", int(d.Minutes()), int(d.Seconds())%60)
	default:
		return fmt.Sprintf("%dh%02dm", int(d.Hours()), int(d.Minutes())%60)
	}
}

// Errors is where other text for the terminal goes, so that it does not run into the line.
func (v *View) Errors() io.Writer { return (*errorWriter)(v) }

type errorWriter View

// Write does not fail: that its words have no place any more ends no run of hours.
func (w *errorWriter) Write(text []byte) (int, error) {
	v := (*View)(w)
	v.mu.Lock()
	defer v.mu.Unlock()
	v.clear()
	_, _ = v.out.Write(text)
	return len(text), nil
}

func (v *View) clear() {
	if v.drawn {
		fmt.Fprint(v.out, "\r\033[K")
		v.drawn = false
	}
}

// Finish takes the line away and draws how the run went.
func (v *View) Finish(o worker.Outcome, end End) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.clear()
	fmt.Fprint(v.out, Picture(o, end))
}
