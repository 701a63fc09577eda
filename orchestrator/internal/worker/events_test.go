// SPDX-FileCopyrightText: The mlperf-ssd authors
// SPDX-License-Identifier: Apache-2.0

package worker

import (
	"slices"
	"testing"

	"mlperf-ssd/orchestrator/internal/engine"
	"mlperf-ssd/orchestrator/internal/rendezvous"
)

// listener keeps what a worker reports.
type listener struct {
	rendezvous.Member
	heard []rendezvous.State
}

func (l *listener) Report(s rendezvous.State) { l.heard = append(l.heard, s) }

// What the engine does goes with every state, and changes neither phase nor step.
func TestReportsSayWhatTheEngineDoes(t *testing.T) {
	l := &listener{Member: rendezvous.Alone(nil)}
	w := &worker{Options: Options{Member: l}}
	w.progress.Epoch = 2
	w.tell(rendezvous.PhaseTrain, 3)
	for _, e := range []engine.Event{
		{Kind: engine.EventWhere, Text: "loading data", Value: 6},
		{Kind: engine.EventProgress, Step: 4},
		{Kind: engine.EventWhere, Text: "all-reduce", Value: 7, Level: 1},
	} {
		if err := w.handleOne(e); err != nil {
			t.Fatal(err)
		}
	}
	want := []rendezvous.State{
		{Phase: "train", Epoch: 2, Step: 3},
		{Phase: "train", Epoch: 2, Step: 3, Doing: "loading data", Collectives: 6},
		{Phase: "train", Epoch: 2, Step: 4, Doing: "loading data", Collectives: 6},
		{Phase: "train", Epoch: 2, Step: 4, Doing: "all-reduce", Collectives: 7, Waiting: true},
	}
	if !slices.Equal(l.heard, want) {
		t.Errorf("heard %+v, want %+v", l.heard, want)
	}
}
