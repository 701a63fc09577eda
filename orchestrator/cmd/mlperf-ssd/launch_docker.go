// SPDX-FileCopyrightText: The mlperf-ssd authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"

	"github.com/urfave/cli/v2"
	"go.uber.org/zap"

	"mlperf-ssd/orchestrator/internal/config"
	"mlperf-ssd/orchestrator/internal/container"
)

// containerFlags are for the launch that runs inside a container: what only the host can know or do.
func containerFlags() []cli.Flag {
	return []cli.Flag{
		&cli.StringFlag{Name: "container", Usage: "run in an `IMAGE`, with docker or under Slurm (default: cluster.container)"},
		&cli.IntFlag{Name: "first-trial", Hidden: true},
		&cli.StringFlag{Name: "caches", Hidden: true},
	}
}

// launchInDocker runs all trials on this host, each in a container of its own: between them the host's
// caches are dropped.
func launchInDocker(c *cli.Context, loaded *config.Config) error {
	if c.Bool("resume") {
		return usageError(errors.New("--resume does not work in a container: launch without one"))
	}
	dir, err := os.Getwd()
	if err != nil {
		return fmt.Errorf("launch: %w", err)
	}
	d, err := dockerRun(c, loaded, dir)
	if err != nil {
		return usageError(err)
	}
	if c.Bool("dry-run") {
		d.Command = append(d.Command, "--first-trial=0", "--caches="+string(cachesCleared))
		_, err := fmt.Fprintf(c.App.Writer, "docker %s\n", strings.Join(d.Args(), " \\\n  "))
		return err
	}
	docker, err := exec.LookPath("docker")
	if err != nil {
		return fmt.Errorf("docker is not here: install it, or launch without cluster.container: %w", err)
	}
	if err := os.MkdirAll(loaded.Run.LogDir, 0o755); err != nil {
		return fmt.Errorf("run.log_dir: %w", err)
	}
	command := d.Command
	var failures []error
	for n := range int(loaded.Run.Trials) {
		state, err := clearCachesHere(loaded)
		if err == nil {
			d.Command = append(command[:len(command):len(command)], fmt.Sprintf("--first-trial=%d", n), "--caches="+string(state))
			err = runDocker(c, docker, d.Args())
		}
		if err != nil {
			failures = append(failures, fmt.Errorf("trial %d: %w", n, err))
		}
		if c.Context.Err() != nil {
			return &exitError{exitInterrupted, errors.Join(failures...)}
		}
	}
	return errors.Join(failures...)
}

// dockerRun is the container of a trial, without the trial's own flags.
func dockerRun(c *cli.Context, loaded *config.Config, dir string) (container.Docker, error) {
	for _, path := range []*string{&loaded.Run.LogDir, &loaded.Data.Dir, &loaded.Backbone.Weights, &loaded.Eval.Detections} {
		*path = absolute(dir, *path)
	}
	wanted := configMounts(loaded)
	command := []string{container.Program, "launch", "--local"}
	if file := c.String("config"); file != "" {
		file = filepath.Clean(absolute(dir, file))
		wanted = append(wanted, container.Mount{Path: file, ReadOnly: true})
		command = append(command, "--config="+file)
	}
	mounts, err := container.Mounts(wanted)
	if err != nil {
		return container.Docker{}, err
	}
	for _, f := range loaded.Fields() {
		isPath := f.Key == "run.log_dir" || f.Key == "data.dir" || f.Key == "backbone.weights" || f.Key == "eval.detections"
		if strings.HasPrefix(f.Origin, "$") || f.Origin == "--set" || isPath {
			command = append(command, "--set="+f.Key+"="+f.Text())
		}
	}
	if c.IsSet("restarts") {
		command = append(command, fmt.Sprintf("--restarts=%d", c.Int("restarts")))
	}
	if file := c.String("engine"); file != "" {
		command = append(command, "--engine="+file)
	}
	return container.Docker{
		Image: loaded.Cluster.Container, Name: fmt.Sprintf("mlperf-ssd-%d", os.Getpid()), User: fmt.Sprintf("%d:%d", os.Getuid(), os.Getgid()),
		WorkDir: loaded.Run.LogDir, Mounts: mounts, GPUs: wantsGPUs(c.Context, loaded), Env: []string{"MLPERF_HOST_OS=" + hostOS()},
		Command: append(command, "--set=cluster.container=", "--set=run.trials=1"),
	}, nil
}

func runDocker(c *cli.Context, docker string, args []string) error {
	cmd := exec.CommandContext(c.Context, docker, args...)
	cmd.Stdout, cmd.Stderr = c.App.Writer, os.Stderr
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGTERM) } // docker passes it on
	cmd.WaitDelay = 2 * grace
	err := cmd.Run()
	var exit *exec.ExitError
	if errors.As(err, &exit) && exit.ExitCode() > 0 {
		return &exitError{exit.ExitCode(), fmt.Errorf("docker: exit code %d", exit.ExitCode())}
	} else if err != nil {
		return fmt.Errorf("docker: %w", err)
	}
	return nil
}

// clearCachesHere empties this host's page caches as configured.
func clearCachesHere(c *config.Config) (caches, error) {
	if c.Cluster.ClearCaches == "off" {
		return cachesKept, nil
	}
	err := dropCaches()
	switch {
	case err == nil:
		return cachesCleared, nil
	case c.Cluster.ClearCaches == "require":
		return cachesKept, fmt.Errorf("caches: %w (%s: cluster.clear_caches = \"try\" goes on without, but the rules want it)", err,
			c.Origin("cluster.clear_caches"))
	default:
		newLogger().Warn("the trial runs without cleared caches, which the rules want", zap.Error(err))
		return cachesKept, nil
	}
}

// hostOS is the name of this host's system, as /etc/os-release has it.
func hostOS() string {
	out, err := exec.CommandContext(context.Background(), "sh", "-c", `. /etc/os-release && printf '%s' "$PRETTY_NAME"`).Output()
	if err != nil {
		return "unknown"
	}
	return string(out)
}

func wantsGPUs(ctx context.Context, c *config.Config) bool {
	return c.Device.Kind == "cuda" || c.Device.Kind == "auto" && len(takeInventory(ctx, "").GPUs) > 0
}
