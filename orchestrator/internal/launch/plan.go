// SPDX-FileCopyrightText: The mlperf-ssd authors
// SPDX-License-Identifier: Apache-2.0

package launch

import (
	"encoding/json"
	"fmt"
	"io"
	"path/filepath"

	"mlperf-ssd/orchestrator/internal/config"
)

// plan is what `launch --dry-run` says.
type plan struct {
	Engine       string   `json:"engine"`
	Data         string   `json:"data"`
	TrainSamples int64    `json:"train_samples"`
	EvalSamples  int64    `json:"eval_samples"`
	Log          string   `json:"log"`
	Batch        int64    `json:"batch"` // of a rank
	Ranks        int64    `json:"ranks"`
	Precision    string   `json:"precision"`
	Epochs       int64    `json:"epochs"`
	Iterations   [2]int64 `json:"iterations"` // of the first two epochs: the last batch is carried over
	EvalInterval int64    `json:"eval_interval"`
	LearningRate float64  `json:"learning_rate"`
	WarmupSteps  int64    `json:"warmup_steps"`
	DecayEpochs  []int64  `json:"decay_epochs"`
	Target       float64  `json:"target"`
}

func planOf(c *config.Config, enginePath string) plan {
	epochs, ec := c.Epochs(), c.Engine(c.Run.Seed)
	return plan{
		Engine:       enginePath,
		Data:         c.Data.Dir,
		TrainSamples: c.Data.TrainSamples,
		EvalSamples:  c.Data.EvalSamples,
		Log:          filepath.Join(c.Run.LogDir, "result_0.txt"),
		Batch:        c.Model.BatchSize,
		Ranks:        c.Ranks(),
		Precision:    c.Model.Precision,
		Epochs:       c.Run.Epochs,
		Iterations:   [2]int64{epochs.Iterations(1), epochs.Iterations(2)},
		EvalInterval: c.Eval.Interval,
		LearningRate: ec.Optimizer.BaseLr,
		WarmupSteps:  ec.Optimizer.WarmupSteps,
		DecayEpochs:  c.Optimizer.DecayEpochs,
		Target:       c.Eval.Target,
	}
}

func (o Options) printPlan(p plan) error {
	if o.JSON {
		return printJSON(o.Stdout, p)
	}
	_, err := fmt.Fprintf(o.Stdout, "engine       %s\ndata         %s, %d training and %d validation images\nlog          %s\n"+
		"batch        %d on %s, %s\nepochs       at most %d of %d or %d iterations, evaluated every %d\n"+
		"rate         %g after %d steps of warm-up, decay after epochs %v\ntarget       %g AP\n",
		p.Engine, p.Data, p.TrainSamples, p.EvalSamples, p.Log, p.Batch, ranksText(p.Ranks), p.Precision,
		p.Epochs, p.Iterations[0], p.Iterations[1], p.EvalInterval,
		p.LearningRate, p.WarmupSteps, p.DecayEpochs, p.Target)
	return err
}

func ranksText(n int64) string {
	if n == 1 {
		return "1 rank"
	}
	return fmt.Sprintf("each of %d ranks", n)
}

func printJSON(w io.Writer, document any) error {
	encoder := json.NewEncoder(w)
	encoder.SetIndent("", "  ")
	return encoder.Encode(document)
}
