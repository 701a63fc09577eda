// SPDX-FileCopyrightText: The mlperf-ssd authors
// SPDX-License-Identifier: Apache-2.0

package slurm

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"time"
)

// Follower shows what a job prints until it ends.
type Follower struct {
	Runner    Runner
	Job       string
	Log       string            // the job's output file; it need not be there yet
	Out       io.Writer         // gets the log
	Say       func(text string) // news and questions, for people
	Interrupt <-chan os.Signal  // Ctrl-C
}

const (
	readEvery  = 250 * time.Millisecond
	askEvery   = 2 * time.Second  // the controller serves others too
	patience   = 10 * time.Second // between the question and the second Ctrl-C
	manyMisses = 30               // failed questions in a row
)

// Follow follows the job to its end. The first Ctrl-C asks, a second one soon after cancels the job,
// one after that stops following. A controller that does not answer for a minute ends it with an error;
// the job goes on. When the context ends the job goes on, too.
func (f *Follower) Follow(ctx context.Context) (State, error) {
	log := &growing{path: f.Log, out: f.Out}
	defer log.close()
	tick := time.NewTicker(readEvery)
	defer tick.Stop()
	var (
		state     State
		asked     time.Time // the controller
		questions time.Time // the user
		misses    int
		cancelled bool
	)
	for {
		if time.Since(asked) >= askEvery {
			now, err := JobState(ctx, f.Runner, f.Job)
			asked = time.Now()
			switch {
			case err == nil:
				misses = 0
				f.news(state, now)
				state = now
			case ctx.Err() != nil:
			case errors.Is(err, ErrForgotten):
				return state, errors.Join(log.copy(), err)
			default:
				if misses++; misses >= manyMisses {
					return state, fmt.Errorf("job %s goes on, but the controller is silent: %w", f.Job, err)
				}
			}
		}
		if err := log.copy(); err != nil || state.Ended() {
			return state, err
		}
		select {
		case <-ctx.Done():
			return state, ctx.Err()
		case <-tick.C:
		case <-f.Interrupt:
			switch {
			case cancelled:
				return state, context.Canceled
			case questions.IsZero() || time.Since(questions) > patience:
				questions = time.Now()
				f.Say(fmt.Sprintf("job %s goes on; cancel it? Ctrl-C again within %v does", f.Job, patience))
			default:
				cancelled = true
				f.Say(fmt.Sprintf("cancelling job %s", f.Job))
				if err := Cancel(ctx, f.Runner, f.Job); err != nil {
					return state, err
				}
			}
		}
	}
}

func (f *Follower) news(before, now State) {
	if now.Word == before.Word && (now.Word != "PENDING" || now.Reason == before.Reason) {
		return
	}
	text := fmt.Sprintf("job %s: %s", f.Job, now.Word)
	if now.Word == "PENDING" {
		text += " (" + now.Reason + ")"
	} else if now.Host != "" && !now.Ended() {
		text += " on " + now.Host
	}
	f.Say(text)
}

// growing copies what a file gets as it grows.
type growing struct {
	path string
	out  io.Writer
	file *os.File
}

func (g *growing) copy() error {
	if g.file == nil {
		file, err := os.Open(g.path)
		if errors.Is(err, os.ErrNotExist) {
			return nil
		} else if err != nil {
			return fmt.Errorf("slurm: log: %w", err)
		}
		g.file = file
	}
	if _, err := io.Copy(g.out, g.file); err != nil {
		return fmt.Errorf("slurm: log: %w", err)
	}
	return nil
}

func (g *growing) close() {
	if g.file != nil {
		g.file.Close()
	}
}
