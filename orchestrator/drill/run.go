// SPDX-FileCopyrightText: The mlperf-ssd authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"time"

	"golang.org/x/sys/unix"
)

// run is a launch that is struck.
type run struct {
	strike
	dir  string
	cmd  *exec.Cmd
	done chan struct{} // closed when launch has ended
}

// config are the values of --set.
func (d *drill) config(s strike, dir string) (map[string]any, error) {
	sets := map[string]any{
		"run.log_dir": dir + "/log", "run.epochs": 2000, "run.log_interval": 1, "run.checkpoint_every_steps": 3,
		"eval.interval": 1, "eval.target": 0.99, "data.eval_samples": 4,
	}
	if s.place == onReal {
		maps.Copy(sets, map[string]any{"data.dir": d.toy, "data.train_samples": toySamples, "model.batch_size": 2,
			"model.precision": "f32", "optimizer.base_lr": 0.001})
		return sets, nil
	}
	directive := dir + "/data/fake:slow=7,ap=0.safetensors"
	if err := errors.Join(os.Mkdir(dir+"/data", 0o755), os.WriteFile(directive, nil, 0o600)); err != nil {
		return nil, err
	}
	maps.Copy(sets, map[string]any{"data.dir": dir + "/data", "data.train_samples": 1600 * s.ranks, "model.batch_size": 8, "backbone.weights": directive})
	if s.place == onCluster {
		maps.Copy(sets, map[string]any{"cluster.nodes": clusterNodes, "cluster.gpus_per_node": ranksPerNode})
	}
	return sets, nil
}

func (d *drill) start(s strike, dir string) (*run, error) {
	sets, err := d.config(s, dir)
	if err != nil {
		return nil, err
	}
	engine := d.fake
	if s.place == onReal {
		engine = d.real
	}
	words := []string{"launch", "--engine", engine}
	if s.place != onCluster {
		words = append(words, "--local", "--nproc", fmt.Sprint(s.ranks))
	}
	for _, key := range slices.Sorted(maps.Keys(sets)) {
		words = append(words, "--set", fmt.Sprintf("%s=%v", key, sets[key]))
	}
	r := &run{strike: s, dir: dir, cmd: exec.Command(d.program, words...), done: make(chan struct{})}
	r.cmd.Dir = dir
	r.cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "HOME=" + os.Getenv("HOME"), markName + "=" + dir}
	if s.place == onCluster {
		for name, value := range d.cluster.Env() {
			r.cmd.Env = append(r.cmd.Env, name+"="+value)
		}
	}
	out, err := os.Create(dir + "/out")
	if err != nil {
		return nil, err
	}
	defer out.Close()
	errs, err := os.Create(dir + "/err")
	if err != nil {
		return nil, err
	}
	defer errs.Close()
	r.cmd.Stdout, r.cmd.Stderr = out, errs
	if err := r.cmd.Start(); err != nil {
		return nil, err
	}
	go func() {
		_ = r.cmd.Wait() // its exit code is looked at
		close(r.done)
	}()
	return r, nil
}

func (r *run) over() bool {
	select {
	case <-r.done:
		return true
	default:
		return false
	}
}

// kill ends what is left of a run.
func (r *run) kill() {
	for _, p := range marked(r.dir) {
		_ = unix.Kill(p.pid, unix.SIGKILL)
	}
}

// said is when the launcher of the ranks first wrote a line of its log with these words, on the day of a
// time; zero if it did not.
func (r *run) said(words string, day time.Time) time.Time {
	files := []string{r.dir + "/err"}
	if r.place == onCluster {
		files, _ = filepath.Glob(r.dir + "/log/slurm-*.out") // the pattern is right
	}
	for _, file := range files {
		text, _ := os.ReadFile(file) // it may come later
		line := regexp.MustCompile(`(?m)^(\d\d:\d\d:\d\d\.\d{3}) ` + words).FindSubmatch(text)
		if line == nil {
			continue
		}
		clock, err := time.ParseInLocation("2006-01-02 15:04:05.000", day.Format("2006-01-02 ")+string(line[1]), time.Local)
		if err != nil {
			continue
		}
		if day.Sub(clock) > 12*time.Hour { // it was midnight
			clock = clock.AddDate(0, 0, 1)
		}
		return clock
	}
	return time.Time{}
}

// await looks at a condition until it holds, and says whether it did before the context ended.
func await(ctx context.Context, condition func() bool) bool {
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for !condition() {
		select {
		case <-ctx.Done():
			return false
		case <-tick.C:
		}
	}
	return true
}
