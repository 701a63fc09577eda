// SPDX-FileCopyrightText: The mlperf-ssd authors
// SPDX-License-Identifier: Apache-2.0

package worker

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"

	"mlperf-ssd/orchestrator/internal/config"
	"mlperf-ssd/orchestrator/internal/engine"
	"mlperf-ssd/orchestrator/internal/rendezvous"
	"mlperf-ssd/orchestrator/internal/ssdnames"
	"mlperf-ssd/proto/ssdpb"
)

// scripted is an engine that does as its fields say.
type scripted struct {
	accuracy []float64 // of the evaluations in order
	late     bool      // scores come only after the next call
	failAt   int64     // step at which Train fails
	failPrep bool
	silent   bool // as if every STEP were dropped
	skip     int  // bad images in each call of Train and Evaluate

	events []engine.Event
	held   []engine.Event
	step   int64
	calls  []string
	met    string // what Address and Connect were told
}

func (s *scripted) Address(rank, world int) ([]byte, error) {
	s.met = fmt.Sprintf("%d of %d", rank, world)
	return fmt.Appendf(nil, "address %d", rank), nil
}

func (s *scripted) Connect(addresses [][]byte) error {
	s.met += fmt.Sprintf(": %s", addresses)
	return nil
}

func (s *scripted) emit(e engine.Event) {
	e.Time, e.Step = time.Now(), s.step
	s.events = append(s.events, e)
}

func (s *scripted) emitSkipped(split string) {
	if s.skip > 0 {
		s.emit(engine.Event{Kind: engine.EventSkipped, Value: float64(s.skip), Text: split})
	}
}

func (s *scripted) release() {
	s.events = append(s.events, s.held...)
	s.held = nil
}

func (s *scripted) Prepare() error {
	if s.failPrep {
		return &engine.Error{Status: engine.Data, Message: "w.safetensors: cannot open"}
	}
	for _, name := range ssdnames.Tensors() {
		s.emit(engine.Event{Kind: engine.EventTensorInit, Text: name})
	}
	return nil
}

func (s *scripted) Train(epoch, steps int64) error {
	s.release()
	for range steps {
		s.step++
		if s.step == s.failAt {
			return &engine.Error{Status: engine.Data, Message: "1.jpg: truncated"}
		}
	}
	s.calls = append(s.calls, "train")
	s.emitSkipped("train")
	if !s.silent {
		s.emit(engine.Event{Kind: engine.EventLearningRate, Value: 0.1 * float64(epoch)})
		s.emit(engine.Event{Kind: engine.EventStep, Value: 10})
	}
	return nil
}

func (s *scripted) Evaluate() error {
	s.calls = append(s.calls, "evaluate")
	s.emitSkipped("val")
	s.emit(engine.Event{Kind: engine.EventEvalBegin})
	end := engine.Event{Kind: engine.EventEvalEnd, Value: s.accuracy[0], Time: time.Now(), Step: s.step}
	s.accuracy = s.accuracy[1:]
	s.held = append(s.held, end)
	if !s.late {
		s.release()
	}
	return nil
}

func (s *scripted) Poll(time.Duration) []engine.Event {
	if len(s.events) == 0 && s.late && len(s.calls) > 0 && s.calls[len(s.calls)-1] == "evaluate" && len(s.accuracy) == 0 {
		s.release() // the scorer has caught up
	}
	events := s.events
	s.events = nil
	return events
}

func (s *scripted) Save(path string) error {
	s.calls = append(s.calls, "save")
	return os.WriteFile(path, nil, 0o600)
}
func (s *scripted) Inspect(*ssdpb.InspectRequest) error { return errors.New("no") }
func (s *scripted) Bench(*ssdpb.BenchRequest) (*ssdpb.BenchReport, error) {
	return nil, errors.New("no")
}
func (s *scripted) Abort()   {}
func (s *scripted) Destroy() {}

func run(t *testing.T, s *scripted, sets ...string) (Outcome, string, error) {
	t.Helper()
	return runFrom(t, s, Position{}, sets...)
}

func runFrom(t *testing.T, s *scripted, start Position, sets ...string) (Outcome, string, error) {
	t.Helper()
	return runLogged(t, s, zap.NewNop(), start, sets...)
}

func runLogged(t *testing.T, s *scripted, logger *zap.Logger, start Position, sets ...string) (Outcome, string, error) {
	t.Helper()
	c, err := config.Load(config.Source{Sets: append([]string{
		"run.epochs=4", "eval.interval=2", "data.train_samples=10", "model.batch_size=4"}, sets...)})
	if err != nil {
		t.Fatal(err)
	}
	var log bytes.Buffer
	outcome, err := Run(context.Background(), Options{
		Config: c, Seed: 5, Member: rendezvous.Alone(nil), Start: start, LogDir: t.TempDir(), MLLog: &log, Logger: logger,
		Open:     func(*ssdpb.EngineConfig) (engine.Engine, error) { return newLocked(s), nil },
		Progress: func(Progress) {}, Clear: func() error { return nil },
	})
	return outcome, log.String(), err
}

// keys are the log's keys in order, without what repeats.
func keys(log string) []string {
	var out []string
	for _, m := range regexp.MustCompile(`"key": "([a-z_]+)"`).FindAllStringSubmatch(log, -1) {
		if m[1] != "weights_initialization" && m[1] != "tracked_stats" {
			out = append(out, m[1])
		}
	}
	return out
}

func TestRunStopsAtTheTarget(t *testing.T) {
	s := &scripted{accuracy: []float64{0.25, 0.3}}
	outcome, log, err := run(t, s)
	if err != nil || outcome.Status != "success" || outcome.Epochs != 2 || outcome.BestAP != 0.25 {
		t.Fatalf("%+v %v", outcome, err)
	}
	want := strings.Fields(`submission_benchmark submission_org submission_division submission_status submission_platform
		cache_clear init_start seed train_samples max_samples opt_learning_rate_warmup_steps opt_learning_rate_warmup_factor
		opt_base_learning_rate opt_learning_rate_decay_boundary_epochs eval_samples opt_weight_decay init_stop run_start
		model_bn_span global_batch_size gradient_accumulation_steps epoch_start epoch_stop epoch_start epoch_stop
		eval_start eval_stop eval_accuracy run_stop`)
	if got := keys(log); !slices.Equal(got, want) {
		t.Errorf("log %v", got)
	}
	lines := strings.Split(strings.TrimSpace(log), "\n")
	if last := lines[len(lines)-1]; !strings.Contains(last, `{"d_convergence": "2"}`) {
		t.Errorf("the log ends in %s", last)
	}
	if strings.Count(log, "weights_initialization") != 119 {
		t.Error("not 119 tensors")
	}
}

// A score that comes while the next epoch trains stops the run after that epoch.
func TestLateScoreCostsAnEpoch(t *testing.T) {
	s := &scripted{accuracy: []float64{0.25, 0.3}, late: true}
	outcome, _, err := run(t, s)
	if err != nil || outcome.Status != "success" || outcome.Epochs != 3 {
		t.Errorf("%+v %v", outcome, err)
	}
}

func TestLastEpochAwaitsItsScore(t *testing.T) {
	s := &scripted{accuracy: []float64{0.1, 0.3}, late: true}
	outcome, log, err := run(t, s)
	if err != nil || outcome.Status != "success" || outcome.Epochs != 4 || len(outcome.Accuracy) != 2 {
		t.Errorf("%+v %v", outcome, err)
	}
	if !strings.Contains(log, `"status": "success"`) {
		t.Error("the log does not say success")
	}
}

func TestTargetMissed(t *testing.T) {
	outcome, log, err := run(t, &scripted{accuracy: []float64{0.1, 0.2}})
	if err != nil || outcome.Status != "aborted" || outcome.BestAP != 0.2 {
		t.Errorf("%+v %v", outcome, err)
	}
	if !strings.HasSuffix(log, `"status": "aborted"}}`+"\n") {
		t.Error("the log does not end in run_stop aborted")
	}
}

func TestFailureClosesTheLog(t *testing.T) {
	outcome, log, err := run(t, &scripted{failAt: 2})
	if err == nil || !strings.Contains(err.Error(), "epoch 1: 1.jpg: truncated") || outcome.Status != "aborted" {
		t.Errorf("%+v %v", outcome, err)
	}
	if got := keys(log); !slices.Equal(got[len(got)-2:], []string{"epoch_stop", "run_stop"}) {
		t.Errorf("log ends in %v", got[len(got)-2:])
	}
	_, log, err = run(t, &scripted{failPrep: true})
	if err == nil || !strings.Contains(err.Error(), "cannot open") || strings.Contains(log, "run_st") {
		t.Errorf("%v", err)
	}
}

func TestCheckpointsByEpochAndStep(t *testing.T) {
	s := &scripted{accuracy: []float64{0, 0}}
	if _, _, err := run(t, s, "run.checkpoint_every=2", "run.checkpoint_every_steps=4"); err != nil {
		t.Fatal(err)
	}
	// Ten samples in batches of four: 3, 2, 3, 2 iterations; steps 4 and 8 split epochs 2 and 3.
	want := "train train save train save evaluate train save train save evaluate"
	if got := strings.Join(s.calls, " "); got != want {
		t.Errorf("calls %s, want %s", got, want)
	}
}

// STEP events may be dropped: checkpoints and the number of steps may not hang on them.
func TestStepsAreCountedWithoutEvents(t *testing.T) {
	s := &scripted{accuracy: []float64{0, 0}, silent: true}
	outcome, log, err := run(t, s, "run.checkpoint_every=0", "run.checkpoint_every_steps=4")
	if err != nil || outcome.Steps != 10 {
		t.Errorf("%+v %v", outcome, err)
	}
	// 3, 2, 3 and 2 iterations again.
	want := "train train save train evaluate train save train evaluate"
	if got := strings.Join(s.calls, " "); got != want {
		t.Errorf("calls %s, want %s", got, want)
	}
	if !strings.HasSuffix(log, `"status": "aborted"}}`+"\n") {
		t.Error("the log does not end in run_stop aborted")
	}
}

// Four epochs, one of which a checkpoint splits, and two evaluations.
func TestSkippedImagesAreCounted(t *testing.T) {
	core, told := observer.New(zap.WarnLevel)
	s := &scripted{accuracy: []float64{0, 0}, skip: 3}
	outcome, _, err := runLogged(t, s, zap.New(core), Position{}, "run.checkpoint_every_steps=4")
	if err != nil || outcome.Skipped != (Skipped{Train: 3 * 5, Eval: 3 * 2}) {
		t.Errorf("%+v %v", outcome, err)
	}
	var epochs []int64
	for _, entry := range told.FilterMessage("bad images skipped").All() {
		epochs = append(epochs, entry.ContextMap()["epoch"].(int64))
	}
	if want := []int64{1, 2, 2, 3, 4, 4}; !slices.Equal(epochs, want) {
		t.Errorf("told after epochs %v, want %v", epochs, want)
	}
	last := told.FilterMessage("bad images skipped").All()[5].ContextMap()
	if last["train"] != int64(0) || last["eval"] != int64(3) || last["so_far"] != int64(21) {
		t.Errorf("the last word is %v", last)
	}
}

// A checkpoint of an epoch's end leaves nothing of the epoch but its evaluation.
func TestResumeAtTheEndOfAnEpoch(t *testing.T) {
	s := &scripted{accuracy: []float64{0.3}, step: 5}
	outcome, log, err := runFrom(t, s, Position{Checkpoint: "c", Epoch: 2, Iteration: 2, Step: 5})
	if err != nil || outcome.Status != "success" || outcome.Epochs != 2 || outcome.Steps != 5 || len(outcome.Losses) != 0 {
		t.Errorf("%+v %v", outcome, err)
	}
	if got := strings.Join(s.calls, " "); got != "evaluate" {
		t.Errorf("calls %s", got)
	}
	if strings.Contains(log, `"loss"`) {
		t.Error("the log has a loss of no step")
	}
}
