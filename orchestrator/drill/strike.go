// SPDX-FileCopyrightText: The mlperf-ssd authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// result is a strike and what came of it.
type result struct {
	Number  int      `json:"number"`
	Place   string   `json:"place"`
	Ranks   int      `json:"ranks"`
	Kind    string   `json:"kind"`
	Victim  string   `json:"victim"`
	After   float64  `json:"after_s"`             // of the start, or of the meeting of the ranks
	Noticed *float64 `json:"noticed_s,omitempty"` // from the strike until somebody was named
	Stopped *float64 `json:"stopped_s,omitempty"` // until all other ranks were gone
	Ended   *float64 `json:"ended_s,omitempty"`   // until launch was, and every process
	Late    string   `json:"late,omitempty"`      // what was over its figure, within the patience
	Log     string   `json:"log,omitempty"`
	Cause   string   `json:"cause,omitempty"`
	Wrong   string   `json:"wrong,omitempty"`
	Folder  string   `json:"folder,omitempty"` // of what is left of a wrong one
}

func (s strike) onNode() bool { return s.target == node || s.target == home }

func (s strike) victimName() string {
	switch s.target {
	case rank:
		return fmt.Sprintf("rank %d", s.victim)
	case node, home:
		return fmt.Sprintf("n%d", s.victim)
	}
	return string(s.target)
}

// do starts a run, strikes it and looks at what is left.
func (d *drill) do(ctx context.Context, number int, s strike) (result, error) {
	res := result{Number: number, Place: s.place, Ranks: s.ranks, Kind: s.name, Victim: s.victimName(), After: s.after.Seconds()}
	dir, err := os.MkdirTemp("", "mlperf-ssd-drill-")
	if err != nil {
		return res, err
	}
	r, err := d.start(s, dir)
	if err != nil {
		return res, errors.Join(err, os.RemoveAll(dir))
	}
	wrong := d.strike(ctx, r, &res)
	r.kill()
	<-r.done
	if s.onNode() {
		err = d.cluster.Node(s.repair, fmt.Sprintf("n%d", s.victim))
	}
	if s.place == onCluster {
		err = errors.Join(err, d.settle(ctx))
	}
	if ctx.Err() != nil {
		return res, errors.Join(context.Cause(ctx), os.RemoveAll(dir))
	}
	if wrong != nil {
		res.Wrong, res.Folder = wrong.Error(), dir
		return res, err
	}
	return res, errors.Join(err, os.RemoveAll(dir))
}

func (d *drill) strike(ctx context.Context, r *run, res *result) error {
	if err := d.awaitMoment(ctx, r); err != nil {
		return err
	}
	struck := time.Now()
	if err := d.hit(ctx, r, &struck); err != nil {
		return err
	}
	more := time.Duration(0)
	if r.name == "STOP" && r.said("info ranks met", struck).IsZero() {
		more = joinLimit
	} else if r.place == onReal {
		more = stepTime
	}
	if err := d.awaitEnd(ctx, r, res, struck, more); err != nil {
		return err
	}
	return errors.Join(d.checkNotice(r, res, struck, more), check(r, res))
}

// awaitEnd waits until every process is gone.
func (d *drill) awaitEnd(ctx context.Context, r *run, res *result, struck time.Time, more time.Duration) error {
	ending, cancel := context.WithDeadline(ctx, struck.Add(r.ended+more+d.patience))
	defer cancel()
	var left []process
	gone := await(ending, func() bool {
		left = marked(r.dir)
		if res.Stopped == nil && !slices.ContainsFunc(left, func(p process) bool { return p.runs("worker") && !r.hits(p) }) {
			res.Stopped = seconds(time.Since(struck))
		}
		return r.over() && len(left) == 0
	})
	took := time.Since(struck)
	switch {
	case !gone && !r.over():
		return fmt.Errorf("launch still runs after %.1f s", took.Seconds())
	case !gone:
		return fmt.Errorf("processes stay after %.1f s: %v", took.Seconds(), left)
	}
	res.Ended = seconds(took)
	return errors.Join(d.hold(res, "stopped", *res.Stopped, r.stopped+more), d.hold(res, "ended", *res.Ended, r.ended+more))
}

// hold compares a time with its figure.
func (d *drill) hold(res *result, what string, took float64, limit time.Duration) error {
	if took > (limit + d.patience).Seconds() {
		return fmt.Errorf("%s only after %.1f s", what, took)
	} else if took > limit.Seconds() {
		res.Late = strings.TrimPrefix(res.Late+", "+what, ", ")
	}
	return nil
}

// hits says whether a process is on the node that is struck.
func (s strike) hits(p process) bool {
	return s.onNode() && slices.Contains(p.env, fmt.Sprintf("SLURMD_NODENAME=n%d", s.victim))
}

// awaitMoment waits until the strike is due.
func (d *drill) awaitMoment(ctx context.Context, r *run) error {
	if r.place == onCluster {
		meeting, cancel := context.WithTimeout(ctx, time.Minute)
		defer cancel()
		if !await(meeting, func() bool { return r.over() || !r.said("info ranks met", time.Now()).IsZero() }) || r.over() {
			return errors.New("the ranks did not meet")
		}
	}
	select {
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-r.done:
		return errors.New("launch ended by itself")
	case <-time.After(r.after):
		return nil
	}
}

// hit strikes, and says when.
func (d *drill) hit(ctx context.Context, r *run, struck *time.Time) error {
	if r.onNode() {
		*struck = time.Now()
		return d.cluster.Node(r.name, fmt.Sprintf("n%d", r.victim))
	}
	pid := r.cmd.Process.Pid
	if r.target == rank || r.place == onCluster {
		is := func(p process) bool { return p.isWorkerOf(r.victim) }
		if r.target == launcher {
			is = process.isLauncherInJob
		}
		starting, cancel := context.WithTimeout(ctx, joinLimit)
		defer cancel()
		pid = 0
		await(starting, func() bool {
			for _, p := range marked(r.dir) {
				if is(p) {
					pid = p.pid
				}
			}
			return pid != 0 || r.over()
		})
		if pid == 0 {
			return fmt.Errorf("no process of %s", r.victimName())
		}
	}
	*struck = time.Now()
	return unix.Kill(pid, r.signal)
}

// checkNotice looks when the cause was named.
func (d *drill) checkNotice(r *run, res *result, struck time.Time, more time.Duration) error {
	if r.noticed == 0 {
		return nil
	}
	said := r.said("warn stopping the ranks", struck)
	if said.IsZero() {
		return errors.New("nobody was named in the launcher's log")
	}
	if said.Before(struck.Truncate(time.Millisecond)) {
		return errors.New("somebody was named before the strike")
	}
	res.Noticed = seconds(said.Sub(struck))
	return d.hold(res, "named", *res.Noticed, r.noticed+more)
}

// check looks at exit code, log, run.json and checkpoints.
func check(r *run, res *result) error {
	code := r.cmd.ProcessState.ExitCode()
	_, err := os.Stat(r.dir + "/log")
	begun := err == nil
	if code != r.code && (begun || code != -1 || r.target != launcher) { // a signal may come before launch listens
		return fmt.Errorf("exit code %d, want %d", code, r.code)
	}
	killed := r.target == launcher && code == -1
	log, err := checkLog(r.dir+"/log/result_0.txt", killed)
	res.Log = log
	if err == nil && begun && !killed {
		res.Cause, err = checkRecord(r.strike, r.dir+"/log/run.json")
		if errors.Is(err, os.ErrNotExist) && log == "no log" {
			err = nil
		}
	}
	return errors.Join(err, checkCheckpoints(r.strike, r.dir+"/log/checkpoints"))
}

func seconds(d time.Duration) *float64 {
	s := d.Seconds()
	return &s
}
