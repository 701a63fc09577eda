// SPDX-FileCopyrightText: The mlperf-ssd authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"fmt"
	"os"
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
	Stopped *float64 `json:"stopped_s,omitempty"` // until launch and all ranks were gone
	Late    string   `json:"late,omitempty"`      // over its figure, within the patience
	Log     string   `json:"log,omitempty"`
	Cause   string   `json:"cause,omitempty"`
	Wrong   string   `json:"wrong,omitempty"`
	Folder  string   `json:"folder,omitempty"` // of what is left of a wrong one
}

func (s strike) victimName() string {
	switch s.target {
	case rank:
		return fmt.Sprintf("rank %d", s.victim)
	case node:
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
	<-r.ended
	if s.target == node {
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
	met := !r.said("info ranks met", struck).IsZero()
	limit := r.stopped
	if r.name == "STOP" && !met {
		limit += joinLimit
	}
	if r.place == onReal {
		limit += 20 * time.Second // at the end of a step
	}
	ending, cancel := context.WithDeadline(ctx, struck.Add(limit+d.patience))
	defer cancel()
	gone := await(ending, func() bool { return r.over() && len(marked(r.dir)) == 0 })
	stopped := time.Since(struck)
	if !gone && ctx.Err() == nil && !r.over() {
		return fmt.Errorf("launch still runs after %.1f s", stopped.Seconds())
	} else if !gone {
		return fmt.Errorf("processes stay after %.1f s: %v", stopped.Seconds(), marked(r.dir))
	}
	res.Stopped = seconds(stopped)
	if stopped > limit {
		res.Late = "stopped"
	}
	return errors.Join(d.checkNotice(r, res, struck, met), check(r, res))
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
	case <-time.After(r.after):
		return nil
	}
}

// hit strikes, and says when.
func (d *drill) hit(ctx context.Context, r *run, struck *time.Time) error {
	if r.target == node {
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
func (d *drill) checkNotice(r *run, res *result, struck time.Time, met bool) error {
	if r.noticed == 0 {
		return nil
	}
	limit := r.noticed
	if r.name == "STOP" && !met {
		limit += joinLimit
	}
	said := r.said("warn stopping the ranks", struck)
	if said.IsZero() {
		return errors.New("nobody was named in the launcher's log")
	}
	after := said.Sub(struck)
	res.Noticed = seconds(after)
	if after > limit+d.patience {
		return fmt.Errorf("named after %.1f s", after.Seconds())
	} else if after > limit {
		res.Late = "noticed"
	}
	return nil
}

// check looks at exit code, log, run.json and checkpoints.
func check(r *run, res *result) error {
	code := r.cmd.ProcessState.ExitCode()
	_, err := os.Stat(r.dir + "/log")
	begun := err == nil
	if code != r.code && (begun || code != -1 || r.target != launcher) { // a signal may come before launch listens
		return fmt.Errorf("exit code %d, want %d", code, r.code)
	}
	killed := r.target == launcher && (code == -1 || r.name == "KILL")
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
