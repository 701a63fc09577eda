// SPDX-FileCopyrightText: The mlperf-ssd authors
// SPDX-License-Identifier: Apache-2.0

package mllog

import (
	"fmt"
	"slices"
	"time"
)

// Submission is who submits what; every field not empty.
type Submission struct{ Org, Platform, Division, Status string }

// Submission writes the five submission lines.
func (r *Run) Submission(at time.Time, s Submission) error {
	if err := r.must(keySubmissionBenchmark, beforeInit, !r.submission, "stands twice"); err != nil {
		return err
	}
	if slices.Contains([]string{s.Org, s.Platform, s.Division, s.Status}, "") {
		return fmt.Errorf("mllog: submission: %+v has an empty field", s)
	}
	r.submission = true
	return first(
		r.emit(at, pointInTime, keySubmissionBenchmark, "ssd"),
		r.emit(at, pointInTime, keySubmissionOrg, s.Org),
		r.emit(at, pointInTime, keySubmissionDivision, s.Division),
		r.emit(at, pointInTime, keySubmissionStatus, s.Status),
		r.emit(at, pointInTime, keySubmissionPlatform, s.Platform))
}

// CacheClear says that the system's caches were dropped. A log without it is in order, but does not
// comply: it may stay out only where it would be untrue.
func (r *Run) CacheClear(at time.Time) error {
	if err := r.must(keyCacheClear, beforeInit, true, ""); err != nil {
		return err
	}
	return r.emit(at, pointInTime, keyCacheClear, true)
}

// InitStart begins the untimed initialisation.
func (r *Run) InitStart(at time.Time) error {
	if err := r.must(keyInitStart, beforeInit, r.submission, "the submission lines come first"); err != nil {
		return err
	}
	r.phase = inInit
	return r.emit(at, intervalStart, keyInitStart, nil)
}

// Seed is a rank's seed.
func (r *Run) Seed(at time.Time, seed int64) error {
	if err := r.must(keySeed, inInit, true, ""); err != nil {
		return err
	}
	r.seed = true
	return r.emit(at, pointInTime, keySeed, seed)
}

// Hyper are the hyperparameters that the rules name.
type Hyper struct {
	TrainSamples, EvalSamples, MaxSamples, WarmupSteps, WarmupFactor int64
	BaseLR, WeightDecay                                              float64
	DecayEpochs                                                      []int64
}

// Hyper writes them.
func (r *Run) Hyper(at time.Time, h Hyper) error {
	if err := r.must(keyTrainSamples, inInit, !r.hyper, "stands twice"); err != nil {
		return err
	}
	r.hyper = true
	return first(
		r.emit(at, pointInTime, keyTrainSamples, h.TrainSamples),
		r.emit(at, pointInTime, keyMaxSamples, h.MaxSamples),
		r.emit(at, pointInTime, keyOptLearningRateWarmupSteps, h.WarmupSteps),
		r.emit(at, pointInTime, keyOptLearningRateWarmupFactor, h.WarmupFactor),
		r.emit(at, pointInTime, keyOptBaseLearningRate, h.BaseLR),
		r.emit(at, pointInTime, keyOptLearningRateDecayBoundaryEpochs, h.DecayEpochs),
		r.emit(at, pointInTime, keyEvalSamples, h.EvalSamples),
		r.emit(at, pointInTime, keyOptWeightDecay, h.WeightDecay))
}

// WeightsInitialized says that one of the 119 tensors has its initial value.
func (r *Run) WeightsInitialized(at time.Time, tensor string) error {
	if err := r.must(keyWeightsInitialization, inInit, r.uninitiated[tensor], tensor+" is unknown or stands twice"); err != nil {
		return err
	}
	delete(r.uninitiated, tensor)
	return r.emit(at, pointInTime, keyWeightsInitialization, nil, Field{metaTensor, tensor})
}

// InitStop ends the initialisation.
func (r *Run) InitStop(at time.Time) error {
	if err := r.must(keyInitStop, inInit, r.hyper && r.seed, "the seed and the hyperparameters come first"); err != nil {
		return err
	}
	if err := r.must(keyInitStop, inInit, len(r.uninitiated) == 0, fmt.Sprintf("%d tensors are not initialised", len(r.uninitiated))); err != nil {
		return err
	}
	r.phase = initialized
	return r.emit(at, intervalEnd, keyInitStop, nil)
}

// RunStart starts the clock.
func (r *Run) RunStart(at time.Time) error {
	if err := r.must(keyRunStart, initialized, true, ""); err != nil {
		return err
	}
	r.phase = running
	return r.emit(at, intervalStart, keyRunStart, nil)
}

// Shape is how the run is spread.
func (r *Run) Shape(at time.Time, bnSpan, globalBatch int64) error {
	if err := r.must(keyGlobalBatchSize, running, !r.shape, "stands twice"); err != nil {
		return err
	}
	r.shape = true
	return first(
		r.emit(at, pointInTime, keyModelBNSpan, bnSpan),
		r.emit(at, pointInTime, keyGlobalBatchSize, globalBatch),
		r.emit(at, pointInTime, keyGradientAccumulationSteps, int64(1)))
}

// EpochStart begins an epoch; iteration is how many of it are done (0 unless a run is resumed).
func (r *Run) EpochStart(at time.Time, epoch, iteration int64) error {
	if err := r.must(keyEpochStart, running, r.shape && !r.inEpoch, "an epoch is open, or the shape is missing"); err != nil {
		return err
	}
	if err := r.must(keyEpochStart, running, r.epoch == 0 || epoch == r.epoch+1, fmt.Sprintf("%d follows %d", epoch, r.epoch)); err != nil {
		return err
	}
	r.epoch, r.inEpoch = epoch, true
	return r.emit(at, intervalStart, keyEpochStart, nil, Field{metaEpochNum, epoch}, Field{metaCurrentIterNum, iteration})
}

// EpochStop ends the open epoch.
func (r *Run) EpochStop(at time.Time) error {
	if err := r.must(keyEpochStop, running, r.inEpoch, "no epoch is open"); err != nil {
		return err
	}
	r.inEpoch = false
	return r.emit(at, intervalEnd, keyEpochStop, nil, Field{metaEpochNum, r.epoch})
}

// EvalStart begins the evaluation of an epoch that has stopped; each is evaluated once.
func (r *Run) EvalStart(at time.Time, epoch int64) error {
	if err := r.must(keyEvalStart, running, epoch > r.evaluated, fmt.Sprintf("%d follows %d", epoch, r.evaluated)); err != nil {
		return err
	}
	if err := r.must(keyEvalStart, running, epoch < r.epoch || epoch == r.epoch && !r.inEpoch, fmt.Sprintf("epoch %d has not stopped", epoch)); err != nil {
		return err
	}
	r.evaluated = epoch
	r.evaluating = append(r.evaluating, epoch)
	return r.emit(at, intervalStart, keyEvalStart, nil, Field{metaEpochNum, epoch})
}

// EvalStop ends an evaluation with its accuracy, 0..1.
func (r *Run) EvalStop(at time.Time, epoch int64, accuracy float64) error {
	i := slices.Index(r.evaluating, epoch)
	if err := r.must(keyEvalStop, running, i >= 0, fmt.Sprintf("no evaluation of epoch %d is open", epoch)); err != nil {
		return err
	}
	if !(accuracy >= 0 && accuracy <= 1) {
		return fmt.Errorf("mllog: eval_accuracy: %v of epoch %d is not in 0..1", accuracy, epoch)
	}
	r.evaluating = slices.Delete(r.evaluating, i, i+1)
	r.scored = true
	return first(
		r.emit(at, intervalEnd, keyEvalStop, nil, Field{metaEpochNum, epoch}),
		r.emit(at, pointInTime, keyEvalAccuracy, accuracy, Field{metaEpochNum, epoch}))
}

// Stats writes a tracked_stats line; the rules do not read it.
func (r *Run) Stats(at time.Time, stats Object, step any) error {
	if r.phase != finished {
		if err := r.must(keyTrackedStats, running, r.shape, "the shape comes first"); err != nil {
			return err
		}
	}
	return r.emit(at, pointInTime, keyTrackedStats, stats, Field{metaStep, step})
}

// RunStop stops the clock: by success, which needs a score, or aborted. What is open is closed: the
// epoch, and without an accuracy the evaluations whose scores nobody waits for.
func (r *Run) RunStop(at time.Time, success bool) error {
	if err := r.must(keyRunStop, running, r.scored || !success, "a success needs an eval_accuracy"); err != nil {
		return err
	}
	r.phase = finished
	for _, epoch := range r.evaluating {
		if err := r.emit(at, intervalEnd, keyEvalStop, nil, Field{metaEpochNum, epoch}); err != nil {
			return err
		}
	}
	if r.inEpoch {
		if err := r.emit(at, intervalEnd, keyEpochStop, nil, Field{metaEpochNum, r.epoch}); err != nil {
			return err
		}
	}
	status := "aborted"
	if success {
		status = "success"
	}
	return r.emit(at, intervalEnd, keyRunStop, nil, Field{metaStatus, status})
}

// Running says whether the clock runs.
func (r *Run) Running() bool { return r.phase == running }
