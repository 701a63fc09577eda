// SPDX-FileCopyrightText: The mlperf-ssd authors
// SPDX-License-Identifier: Apache-2.0

package mllog

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"time"

	"mlperf-ssd/orchestrator/internal/atomicfile"
)

// CloseAborted closes the log of a run whose writer is gone: what is open is closed and run_stop says
// aborted, at the given time or that of the last line if that is later. A line cut short is dropped. A
// log whose clock did not run, or has stopped, is left alone and gives false.
func CloseAborted(path string, at time.Time) (bool, error) {
	whole, err := os.ReadFile(path)
	if err != nil {
		return false, fmt.Errorf("mllog: close: %w", err)
	}
	whole = whole[:bytes.LastIndexByte(whole, '\n')+1]
	var tail bytes.Buffer
	run := New(&tail)
	for text := range bytes.Lines(whole) {
		if err := run.replay(text); err != nil {
			return false, fmt.Errorf("mllog: close %s: %w", path, err)
		}
	}
	if !run.Running() {
		return false, nil
	}
	if err := run.RunStop(at, false); err != nil {
		return false, err
	}
	err = atomicfile.Write(path, func(w io.Writer) error {
		if _, err := w.Write(whole); err != nil {
			return err
		}
		_, err := w.Write(tail.Bytes())
		return err
	})
	if err != nil {
		return false, fmt.Errorf("mllog: close: %w", err)
	}
	return true, nil
}

// replay takes from a line what RunStop has to know.
func (r *Run) replay(text []byte) error {
	_, document, found := bytes.Cut(text, []byte(Prefix))
	if !found {
		return nil
	}
	var l struct {
		TimeMS   int64 `json:"time_ms"`
		Key      string
		Metadata struct {
			EpochNum int64 `json:"epoch_num"`
		}
	}
	if err := json.Unmarshal(document, &l); err != nil {
		return fmt.Errorf("line %q: %w", shorten(text), err)
	}
	if at := time.UnixMilli(l.TimeMS); at.After(r.last) {
		r.last = at
	}
	epoch := l.Metadata.EpochNum
	switch l.Key {
	case keyRunStart:
		r.phase = running
	case keyRunStop:
		r.phase = finished
	case keyEpochStart:
		r.epoch, r.inEpoch = epoch, true
	case keyEpochStop:
		r.inEpoch = false
	case keyEvalStart:
		r.evaluating = append(r.evaluating, epoch)
	case keyEvalStop:
		r.evaluating = without(r.evaluating, epoch)
	}
	return nil
}

func without(epochs []int64, epoch int64) []int64 {
	var rest []int64
	for _, e := range epochs {
		if e != epoch {
			rest = append(rest, e)
		}
	}
	return rest
}

func shorten(text []byte) string { return string(text[:min(len(text), 80)]) }
