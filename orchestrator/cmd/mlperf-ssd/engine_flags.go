// SPDX-FileCopyrightText: The mlperf-ssd authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"fmt"

	"github.com/urfave/cli/v2"

	"mlperf-ssd/orchestrator/internal/config"
	"mlperf-ssd/orchestrator/internal/engine"
	"mlperf-ssd/proto/ssdpb"
)

func engineFlag() cli.Flag {
	return &cli.StringFlag{Name: "engine", Usage: "engine library (default: lib/ beside the program)"}
}

func precisionFlag(value string) cli.Flag {
	return &cli.StringFlag{Name: "precision", Value: value, Usage: "f32, bf16, or fp16 on a GPU"}
}

func batchFlag(value int64) cli.Flag {
	return &cli.Int64Flag{Name: "batch", Value: value, Usage: "images of a step"}
}

func threadsFlag() cli.Flag {
	return &cli.IntFlag{Name: "threads", Usage: "as device.threads (0 = as many as this process may use)"}
}

func checkThreads(c *cli.Context) error { return within("threads", c.Int("threads"), 0, 4096) }

func splitFlag() cli.Flag {
	return &cli.StringFlag{Name: "split", Value: "train", Usage: "of the data set: train or val"}
}

func isTrain(c *cli.Context) (bool, error) {
	split := c.String("split")
	if split != "train" && split != "val" {
		return false, usageError(fmt.Errorf("--split is %q, must be train or val", split))
	}
	return split == "train", nil
}

func jsonFlag() cli.Flag {
	return &cli.BoolFlag{Name: "json", Usage: "one JSON document on standard output"}
}

func precisionOf(c *cli.Context) (ssdpb.ModelConfig_Precision, error) {
	switch p := c.String("precision"); p {
	case "f32":
		return ssdpb.ModelConfig_F32, nil
	case "bf16":
		return ssdpb.ModelConfig_BF16, nil
	case "fp16":
		return ssdpb.ModelConfig_FP16, nil
	default:
		return 0, usageError(fmt.Errorf("--precision is %q, must be f32, bf16 or fp16", p))
	}
}

// toolConfig is the configuration of the verbs that look at one part of the engine: no data set, no
// schedule, one rank.
func toolConfig(precision ssdpb.ModelConfig_Precision, batch int64, threads int) *ssdpb.EngineConfig {
	return &ssdpb.EngineConfig{
		Seed:        1,
		Device:      &ssdpb.DeviceConfig{Kind: ssdpb.DeviceConfig_AUTO, Threads: int32(threads), PlanCache: config.PlanFolder(config.UserPlans), Fusions: true},
		LogInterval: 1,
		Model:       &ssdpb.ModelConfig{Precision: precision, BatchSize: batch, EvalBatchSize: batch, LossScale: 128, BnGroup: 1},
		Data:        &ssdpb.DataConfig{MaxSamples: 1, Threads: int32(threads), Prefetch: 2},
		Optimizer:   &ssdpb.OptimizerConfig{BaseLr: 1, DecayFactor: 1, Momentum: 0.9, StepsPerEpoch: 1},
		Eval:        &ssdpb.EvalConfig{ScoreThreshold: 0.05, NmsThreshold: 0.5, Candidates: 200},
	}
}

// openEngine loads the library that --engine names, or the one that this host trains with.
func openEngine(c *cli.Context) (*engine.Library, error) {
	path, err := engine.Find(c.String("engine"), "auto")
	if err != nil {
		return nil, err
	}
	return engine.Open(path)
}

// withEngine makes an engine, stops it when the context ends, and calls f with it.
func withEngine(c *cli.Context, config *ssdpb.EngineConfig, f func(engine.Engine) error) error {
	library, err := openEngine(c)
	if err != nil {
		return err
	}
	e, err := library.Create(config)
	if err != nil {
		return err
	}
	defer e.Destroy()
	stop := context.AfterFunc(c.Context, e.Abort)
	defer stop()
	return f(e)
}

// stoppable is the action of a verb that only reads and prints: it ends with the context, whatever it waits
// for, as an input that never comes.
func stoppable(action cli.ActionFunc) cli.ActionFunc {
	return func(c *cli.Context) error {
		_, err := unlessStopped(c.Context, func() (struct{}, error) { return struct{}{}, action(c) })
		return err
	}
}

// unlessStopped gives what a call of the engine gives, or the context's error when that ends first: the
// call then ends with the process.
func unlessStopped[T any](ctx context.Context, call func() (T, error)) (T, error) {
	type answer struct {
		value T
		err   error
	}
	done := make(chan answer, 1)
	go func() {
		value, err := call()
		done <- answer{value, err}
	}()
	select {
	case a := <-done:
		return a.value, a.err
	case <-ctx.Done():
		return *new(T), ctx.Err()
	}
}
