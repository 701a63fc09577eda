// SPDX-FileCopyrightText: The mlperf-ssd authors
// SPDX-License-Identifier: Apache-2.0

package launch

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"

	"mlperf-ssd/orchestrator/internal/config"
	"mlperf-ssd/orchestrator/internal/container"
	"mlperf-ssd/orchestrator/internal/crew"
	"mlperf-ssd/orchestrator/internal/discover"
	"mlperf-ssd/orchestrator/internal/exit"
	"mlperf-ssd/orchestrator/internal/job"
)

// inDocker runs all trials on this host, each in a container of its own: between them the host's
// caches are dropped.
func (o Options) inDocker(ctx context.Context) error {
	if o.Resume {
		return exit.Usage(errors.New("--resume does not work in a container: launch without one"))
	}
	dir, err := os.Getwd()
	if err != nil {
		return fmt.Errorf("launch: %w", err)
	}
	d, err := o.docker(ctx, dir)
	if err == nil {
		err = checkWritable(o.Config)
	}
	if err != nil {
		return exit.Usage(err)
	}
	if o.DryRun {
		d.Command = append(d.Command, "--first-trial=0", "--caches="+string(job.CachesCleared))
		_, err := fmt.Fprintf(o.Stdout, "docker %s\n", strings.Join(d.Args(), " \\\n  "))
		return err
	}
	docker, err := exec.LookPath("docker")
	if err != nil {
		return fmt.Errorf("docker is not here: install it, or launch without cluster.container: %w", err)
	}
	if err := makeOutputs(o.Config); err != nil {
		return err
	}
	command := d.Command
	var failures []error
	for n := range int(o.Config.Run.Trials) {
		state, err := o.clearHostCaches(ctx)
		if err == nil {
			d.Command = append(command[:len(command):len(command)], fmt.Sprintf("--first-trial=%d", n), "--caches="+string(state))
			err = o.runDocker(ctx, docker, d.Args())
		}
		if err != nil {
			failures = append(failures, fmt.Errorf("trial %d: %w", n, err))
		}
		if ctx.Err() != nil {
			return exit.With(exit.Interrupted, errors.Join(failures...))
		}
	}
	return errors.Join(failures...)
}

// docker is the container of a trial, without the trial's own flags.
func (o Options) docker(ctx context.Context, dir string) (container.Docker, error) {
	c := o.Config
	makeAbsolute(c, dir)
	wanted := mounts(c)
	command := []string{container.Program, "launch", "--local"}
	if o.File != "" {
		file, err := o.readAgain(dir)
		if err != nil {
			return container.Docker{}, err
		}
		file = filepath.Clean(file)
		wanted = append(wanted, container.Mount{Path: file, ReadOnly: true})
		command = append(command, "--config="+file)
	}
	paths, err := container.Mounts(wanted)
	if err != nil {
		return container.Docker{}, err
	}
	command = append(command, sets(c, pathKeys(c)...)...)
	if o.Restarts != 0 {
		command = append(command, fmt.Sprintf("--restarts=%d", o.Restarts))
	}
	if o.Engine != "" {
		command = append(command, "--engine="+o.Engine)
	}
	return container.Docker{
		Image: c.Cluster.Container, Name: fmt.Sprintf("mlperf-ssd-%d", os.Getpid()), User: fmt.Sprintf("%d:%d", os.Getuid(), os.Getgid()),
		WorkDir: c.Run.LogDir, Mounts: paths, GPUs: wantsGPUs(ctx, c), Env: []string{"MLPERF_HOST_OS=" + hostOS()},
		Command: append(command, "--set=cluster.container=", "--set=run.trials=1"),
	}, nil
}

// dockerFailed is docker's own exit code; others are the container's.
const dockerFailed = 125

func (o Options) runDocker(ctx context.Context, docker string, args []string) error {
	cmd := exec.CommandContext(ctx, docker, args...)
	cmd.Stdout, cmd.Stderr = o.Stdout, o.Stderr
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGTERM) } // docker passes it on
	cmd.WaitDelay = 2 * crew.Grace
	err := cmd.Run()
	var failed *exec.ExitError
	if errors.As(err, &failed) && failed.ExitCode() == dockerFailed {
		return exit.With(dockerFailed, errors.New("docker: no container was started, as its words above say: does its daemon run, may you use it, is the image there?"))
	} else if errors.As(err, &failed) && failed.ExitCode() > 0 {
		return exit.With(failed.ExitCode(), fmt.Errorf("docker: exit code %d", failed.ExitCode()))
	} else if err != nil {
		return fmt.Errorf("docker: %w", err)
	}
	return nil
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
	return c.Device.Kind == "cuda" || c.Device.Kind == "auto" && len(discover.Here(ctx, "").GPUs) > 0
}
