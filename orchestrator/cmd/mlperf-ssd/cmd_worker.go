// SPDX-FileCopyrightText: The mlperf-ssd authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/urfave/cli/v2"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
	"golang.org/x/sys/unix"

	"mlperf-ssd/orchestrator/internal/config"
	"mlperf-ssd/orchestrator/internal/engine"
	"mlperf-ssd/orchestrator/internal/supervise"
	"mlperf-ssd/orchestrator/internal/weights"
	"mlperf-ssd/orchestrator/internal/worker"
	"mlperf-ssd/proto/ssdpb"
)

// job is what launch tells a worker.
type job struct {
	Config *config.Config
	Engine string
	Trial  int
	Seed   int64
	Start  worker.Position
}

// logFile is the MLPerf log of a trial, named as a submission wants it (spec section 17).
func (j job) logFile() string {
	return filepath.Join(j.Config.Run.LogDir, fmt.Sprintf("result_%d.txt", j.Trial))
}

// workerCommand is what launch starts, once a rank. It reads its job on standard input.
func workerCommand() *cli.Command {
	return &cli.Command{
		Name:   "worker",
		Hidden: true,
		Action: func(c *cli.Context) error {
			var j job
			if err := json.NewDecoder(os.Stdin).Decode(&j); err != nil {
				return usageError(fmt.Errorf("worker: started by `mlperf-ssd launch`, not by hand: %w", err))
			}
			progress := json.NewEncoder(os.NewFile(supervise.ProgressFD, "progress"))
			return tellLaunch(progress, work(c, j, progress))
		},
	}
}

// tellLaunch hands a failure to launch, which prints it; only the exit code stays.
func tellLaunch(progress *json.Encoder, err error) error {
	if err == nil || progress.Encode(message{Error: err.Error()}) != nil {
		return err
	}
	code := exitFailed
	if errors.Is(err, context.Canceled) {
		code = exitInterrupted
	}
	return &exitError{code, errors.New("")}
}

func work(c *cli.Context, j job, progress *json.Encoder) error {
	logger := newLogger()
	library, err := engine.Open(j.Engine)
	if err != nil {
		return err
	}
	backbone, done, err := weights.Temporary(j.Config.Backbone.Weights)
	if err != nil {
		return err
	}
	defer done()
	file, err := os.Create(j.logFile())
	if err != nil {
		return fmt.Errorf("log: %w", err)
	}
	defer file.Close()
	outcome, err := worker.Run(c.Context, worker.Options{
		Config:   j.Config,
		Seed:     j.Seed,
		Open:     func(ec *ssdpb.EngineConfig) (engine.Engine, error) { return library.Create(ec) },
		Backbone: backbone,
		Start:    j.Start,
		LogDir:   j.Config.Run.LogDir,
		MLLog:    io.MultiWriter(file, os.Stdout),
		Progress: func(p worker.Progress) { _ = progress.Encode(message{Progress: &p}) }, // launch may be gone
		Logger:   logger,
		Clear:    dropCaches,
	})
	err = errors.Join(err, file.Sync())
	_ = progress.Encode(message{Outcome: &outcome})
	return err
}

// message is what a worker tells launch.
type message struct {
	Progress *worker.Progress `json:"progress,omitempty"`
	Outcome  *worker.Outcome  `json:"outcome,omitempty"`
	Error    string           `json:"error,omitempty"`
}

// dropCaches empties the page cache, so that the data set comes from storage.
func dropCaches() error {
	unix.Sync()
	return os.WriteFile("/proc/sys/vm/drop_caches", []byte("3\n"), 0)
}

// newLogger is the log for people, on standard error.
func newLogger() *zap.Logger {
	encoding := zap.NewProductionEncoderConfig()
	encoding.EncodeTime = zapcore.TimeEncoderOfLayout("15:04:05.000")
	encoding.EncodeLevel = zapcore.LowercaseLevelEncoder
	encoding.ConsoleSeparator = " "
	return zap.New(zapcore.NewCore(zapcore.NewConsoleEncoder(encoding), zapcore.Lock(os.Stderr), zap.InfoLevel))
}
