// SPDX-FileCopyrightText: The mlperf-ssd authors
// SPDX-License-Identifier: Apache-2.0

// Package logtest writes logs of runs that never were, for tests of what reads logs.
package logtest

import (
	"errors"
	"io"
	"time"

	"mlperf-ssd/orchestrator/internal/mllog"
	"mlperf-ssd/orchestrator/internal/ssdnames"
)

// Run is a run that complies unless it is told not to.
type Run struct {
	Begin    int   // minutes after the first run of a set
	Minutes  int   // run_start to run_stop
	Epochs   int64 // evaluated each fifth; the last reaches the target
	Batch    int64 // global
	Seed     int64
	Division string // empty: closed
	Aborted  bool   // the target is reached, but the run says it was aborted
}

// Write writes the log.
func Write(w io.Writer, run Run) error {
	if run.Division == "" {
		run.Division = "closed"
	}
	log, at := mllog.New(w), time.UnixMilli(1634431506370).Add(time.Duration(run.Begin)*time.Minute)
	errs := []error{
		log.Submission(at, mllog.Submission{Org: "Org", Platform: "Machine", Division: run.Division, Status: "onprem"}),
		log.CacheClear(at),
		log.InitStart(at),
		log.Seed(at, run.Seed),
		log.Hyper(at, mllog.Hyper{TrainSamples: 117266, EvalSamples: 5000, MaxSamples: 1, WarmupSteps: 771, BaseLR: 0.04498725,
			WeightDecay: 0.00013, DecayEpochs: []int64{44, 55}}),
	}
	for _, tensor := range ssdnames.Tensors() {
		errs = append(errs, log.WeightsInitialized(at, tensor))
	}
	errs = append(errs, log.InitStop(at), log.RunStart(at), log.Shape(at, 114, run.Batch))
	end := at.Add(time.Duration(run.Minutes) * time.Minute)
	step := end.Sub(at) / time.Duration(run.Epochs)
	for epoch := int64(1); epoch <= run.Epochs; epoch++ {
		errs = append(errs, log.EpochStart(at, epoch, 0))
		at = at.Add(step)
		errs = append(errs,
			log.Stats(at, mllog.Object{{Key: "throughput", Value: 4847.0}}, epoch),
			log.EpochStop(at))
		if epoch%5 == 0 || epoch == run.Epochs {
			accuracy := 0.1
			if epoch == run.Epochs {
				accuracy = 0.2337832467298352
			}
			errs = append(errs, log.EvalStart(at, epoch), log.EvalStop(at, epoch, accuracy))
		}
	}
	return errors.Join(append(errs, log.RunStop(end, !run.Aborted))...)
}
