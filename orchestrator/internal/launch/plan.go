// SPDX-FileCopyrightText: The mlperf-ssd authors
// SPDX-License-Identifier: Apache-2.0

package launch

import (
	"encoding/json"
	"fmt"
	"io"
	"path/filepath"

	"mlperf-ssd/orchestrator/internal/config"
	"mlperf-ssd/orchestrator/internal/job"
)

// plan is what `launch --dry-run` says.
type plan struct {
	Engine       string   `json:"engine"`
	Data         string   `json:"data"`
	TrainSamples int64    `json:"train_samples"`
	EvalSamples  int64    `json:"eval_samples"`
	Logs         []string `json:"logs"`  // by trial
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
		Logs:         logsOf(c),
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
	_, err := fmt.Fprintf(o.Stdout, "engine       %s\ndata         %s, %d training and %d validation images\n%s\n"+
		"batch        %d on %s, %s\nepochs       at most %d of %s, evaluated every %d\n"+
		"rate         %g after %d steps of warm-up, decay after epochs %v\ntarget       %g AP\n",
		p.Engine, p.Data, p.TrainSamples, p.EvalSamples, logsText(p.Logs), p.Batch, ranksText(p.Ranks), p.Precision,
		p.Epochs, iterationsText(p.Iterations), p.EvalInterval,
		p.LearningRate, p.WarmupSteps, p.DecayEpochs, p.Target)
	return err
}

func logsOf(c *config.Config) []string {
	var logs []string
	for trial := range int(c.Run.Trials) {
		logs = append(logs, job.Job{Config: c, Trial: trial}.LogFile())
	}
	return logs
}

func logsText(logs []string) string {
	if last := len(logs) - 1; last > 0 {
		return fmt.Sprintf("logs         %s to %s, one a trial", logs[0], filepath.Base(logs[last]))
	}
	return "log          " + logs[0]
}

// iterationsText is of the first two epochs.
func iterationsText(n [2]int64) string {
	if n[0] == n[1] {
		return fmt.Sprintf("%d iterations", n[0])
	}
	return fmt.Sprintf("%d or %d iterations", n[0], n[1])
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
