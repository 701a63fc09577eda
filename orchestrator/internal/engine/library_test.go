// SPDX-FileCopyrightText: The mlperf-ssd authors
// SPDX-License-Identifier: Apache-2.0

package engine

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"mlperf-ssd/proto/ssdpb"
)

// built is the path of an engine library that the C++ build makes for tests; SSD_FAKE_ENGINE may name
// the fake one of another build folder.
func built(t *testing.T, name string) string {
	t.Helper()
	dir := filepath.Join("..", "..", "..", "build", "engine", "abi")
	if fake := os.Getenv("SSD_FAKE_ENGINE"); fake != "" {
		dir = filepath.Dir(fake)
	}
	path := filepath.Join(dir, name)
	if _, err := os.Stat(path); err != nil {
		t.Skipf("%s is not built: run `make engine`", path)
	}
	return path
}

// fakeLibrary opens the engine without maths.
func fakeLibrary(t *testing.T) *Library {
	t.Helper()
	path := built(t, "libssd_engine_fake.so")
	library, err := Open(path)
	if err != nil {
		t.Fatal(err)
	}
	return library
}

func create(t *testing.T, directives string) Engine {
	t.Helper()
	e, err := fakeLibrary(t).Create(&ssdpb.EngineConfig{
		Model:       &ssdpb.ModelConfig{BatchSize: 4, Backbone: directives},
		LogInterval: 1,
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(e.Destroy)
	return e
}

func TestRunDeliversEventsInOrder(t *testing.T) {
	e := create(t, "fake:ap=0.25")
	before := time.Now()
	if err := e.Prepare(); err != nil {
		t.Fatal(err)
	}
	if err := e.Train(1, 2); err != nil {
		t.Fatal(err)
	}
	if err := e.Evaluate(); err != nil {
		t.Fatal(err)
	}
	counts := map[Kind]int{}
	var last, where Event
	for events := e.Poll(0); events != nil; events = e.Poll(0) {
		for _, event := range events {
			counts[event.Kind]++
			if event.Kind == EventWhere {
				where = event
				continue
			}
			if event.Time.Before(last.Time) || event.Time.Before(before.Truncate(time.Millisecond)) {
				t.Errorf("event at %v after one at %v", event.Time, last.Time)
			}
			last = event
		}
	}
	if counts[EventTensorInit] != 119 || counts[EventStep] != 2 || counts[EventLearningRate] != 2 {
		t.Errorf("counts %v", counts)
	}
	if last.Kind != EventEvalEnd || last.Value != 0.25 || last.Step != 2 {
		t.Errorf("last event %+v", last)
	}
	if where.Text != "inferring" || where.Value != 3 || where.Level != 0 { // two steps and a gather
		t.Errorf("where %+v", where)
	}
}

func TestRanksConnectByTheAddressesOfAll(t *testing.T) {
	e := create(t, "")
	if _, err := e.Address(2, 2); StatusOf(err) != Invalid || !strings.Contains(err.Error(), "rank 2 of 2") {
		t.Errorf("rank 2 of 2: %v", err)
	}
	address, err := e.Address(1, 2)
	if err != nil || string(address) != "fake rank 1 of 2" {
		t.Errorf("address %q, %v", address, err)
	}
	first := []byte("fake rank 0 of 2")
	for _, wrong := range [][][]byte{nil, {address}, {address, first}} {
		if err := e.Connect(wrong); StatusOf(err) != Invalid {
			t.Errorf("%q: got %v", wrong, err)
		}
	}
	if err := e.Connect([][]byte{first, address}); err != nil {
		t.Error(err)
	}
}

func TestFailureCarriesStatusAndMessage(t *testing.T) {
	e := create(t, "fake:fail-train=1")
	err := e.Train(1, 1)
	if StatusOf(err) != Data || err.Error() != "train2017/1.jpg: truncated" {
		t.Errorf("got %v (%v)", err, StatusOf(err))
	}
}

func TestAbortFreesABlockedCall(t *testing.T) {
	e := create(t, "fake:hang-train=2")
	done := make(chan error)
	go func() { done <- e.Train(1, 5) }()
	if events := e.Poll(time.Minute); len(events) == 0 {
		t.Error("the first step was not reported")
	}
	e.Abort()
	if err := <-done; StatusOf(err) != Aborted {
		t.Errorf("got %v", err)
	}
}

func TestPollTellsWhatTheOthersWaitFor(t *testing.T) {
	e := create(t, "fake:hang-load=2,rank=1,others-wait")
	if _, err := e.Address(0, 2); err != nil {
		t.Fatal(err)
	}
	done := make(chan error)
	go func() { done <- e.Train(1, 5) }()
	deadline := time.Now().Add(time.Minute)
	for where := (Event{}); where.Level == 0; {
		if time.Now().After(deadline) {
			t.Fatalf("it does not wait: %+v", where)
		}
		for _, event := range e.Poll(10 * time.Millisecond) {
			if event.Kind == EventWhere {
				where = event
			}
		}
		if where.Level == 1 && (where.Text != "all-reduce" || where.Value != 2) {
			t.Errorf("where %+v", where)
		}
	}
	if events := e.Poll(time.Millisecond); events != nil {
		t.Errorf("news of no change: %+v", events)
	}
	e.Abort()
	if err := <-done; StatusOf(err) != Aborted {
		t.Errorf("got %v", err)
	}
}

func TestPollBesideTrain(t *testing.T) {
	e := create(t, "")
	done := make(chan error)
	go func() { done <- e.Train(1, 3000) }()
	steps, lost := 0, 0
	finished := false
	for {
		events := e.Poll(10 * time.Millisecond)
		for _, event := range events {
			switch event.Kind {
			case EventStep, EventLearningRate:
				steps++
			case EventDropped:
				lost += int(event.Value)
			}
		}
		if finished && events == nil {
			break
		}
		select {
		case err := <-done:
			if err != nil {
				t.Fatal(err)
			}
			finished = true
		default:
		}
	}
	if steps+lost != 6000 {
		t.Errorf("%d events seen and %d reported lost, want 6000 together", steps, lost)
	}
}

func TestBenchAndScore(t *testing.T) {
	report, err := create(t, "").Bench(&ssdpb.BenchRequest{})
	if err != nil || report.ImagesPerSecond != 42 {
		t.Errorf("bench: %v %v", report, err)
	}
	score, err := fakeLibrary(t).Score(&ssdpb.ScoreRequest{})
	if err != nil || len(score.Stats) != 1 || score.Stats[0] != 0.5 {
		t.Errorf("score: %v %v", score, err)
	}
	if err := create(t, "").Inspect(&ssdpb.InspectRequest{}); StatusOf(err) != Unavailable {
		t.Errorf("inspect: %v", err)
	}
}

func TestVerify(t *testing.T) {
	var heard []string
	hear := func(split string, done, all int) { heard = append(heard, fmt.Sprint(split, " ", done, " of ", all)) }
	report, err := fakeLibrary(t).Verify(&ssdpb.VerifyRequest{Dir: "x", MaxFindings: 1}, hear)
	if err != nil || report.Fatal != 1 {
		t.Errorf("%v (%v)", report, err)
	}
	if want := []string{"train 1 of 2", "train 2 of 2", "val 1 of 1"}; !slices.Equal(heard, want) {
		t.Errorf("heard %q, want %q", heard, want)
	}
	if report, err := fakeLibrary(t).Verify(&ssdpb.VerifyRequest{Dir: "x"}, nil); err != nil || report.Fatal != 1 {
		t.Errorf("without progress: %v (%v)", report, err)
	}
}

func TestCreateRefusesWhatTheEngineRefuses(t *testing.T) {
	_, err := fakeLibrary(t).Create(&ssdpb.EngineConfig{})
	if StatusOf(err) != Invalid || !strings.Contains(err.Error(), "batch_size") {
		t.Errorf("got %v", err)
	}
}

func TestOpenNamesWhatIsWrong(t *testing.T) {
	dir := t.TempDir()
	if _, err := Open(filepath.Join(dir, "none.so")); err == nil || !strings.Contains(err.Error(), "make build") {
		t.Errorf("missing: %v", err)
	}
	text := filepath.Join(dir, "text.so")
	if err := os.WriteFile(text, []byte("no library"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(text); err == nil || !strings.Contains(err.Error(), "text.so") {
		t.Errorf("no library: %v", err)
	}
}

func TestOpenRefusesAnotherABI(t *testing.T) {
	path := built(t, "libssd_engine_other_abi.so")
	_, err := Open(path)
	if err == nil || !strings.Contains(err.Error(), "libssd_engine_other_abi.so has ABI 3, this program needs 2: rebuild both") {
		t.Errorf("got %v", err)
	}
}

// The system loader would look for a name without a folder in its own places.
func TestOpenTakesANameInTheWorkingFolder(t *testing.T) {
	path, err := filepath.Abs(built(t, "libssd_engine_fake.so"))
	if err != nil {
		t.Fatal(err)
	}
	t.Chdir(filepath.Dir(path))
	if _, err := Open(filepath.Base(path)); err != nil {
		t.Error(err)
	}
}

func TestLateAbortIsHarmless(t *testing.T) {
	e := create(t, "")
	e.Destroy()
	e.Abort()
	e.Destroy()
	if got := e.(*handle).destroyed; !got {
		t.Error("not destroyed")
	}
}

func TestBuildInfoNamesTheEngine(t *testing.T) {
	if info := fakeLibrary(t).BuildInfo(); !strings.HasPrefix(info, "fake") || !strings.Contains(info, "commit") {
		t.Errorf("got %q", info)
	}
}

func TestFindPrefersTheExplicitPath(t *testing.T) {
	if got, err := Find("x.so", "cuda"); got != "x.so" || err != nil {
		t.Errorf("got %q, %v", got, err)
	}
	got, err := Find("", "cpu")
	if err != nil || filepath.Base(got) != "libssd_engine_cpu.so" || filepath.Base(filepath.Dir(got)) != "lib" {
		t.Errorf("got %q, %v", got, err)
	}
}

func TestFindTakesCUDAForAGPU(t *testing.T) {
	bare, lib := t.TempDir(), t.TempDir()
	cpu, cuda, gpu := filepath.Join(lib, "libssd_engine_cpu.so"), filepath.Join(lib, "libssd_engine_cuda.so"), filepath.Join(bare, "gpu")
	for _, path := range []string{cuda, gpu} {
		if err := os.WriteFile(path, nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for _, tt := range []struct{ device, lib, gpu, want string }{
		{"cuda", lib, "missing", cuda}, // it says what is missing
		{"auto", lib, gpu, cuda},
		{"auto", lib, "missing", cpu},
		{"cpu", lib, gpu, cpu},
		{"cuda", bare, gpu, filepath.Join(bare, "libssd_engine_cpu.so")},
		{"auto", bare, gpu, filepath.Join(bare, "libssd_engine_cpu.so")},
	} {
		if got := choose(tt.lib, tt.device, tt.gpu); got != tt.want {
			t.Errorf("choose(%q, %q, %q) = %q, want %q", tt.lib, tt.device, tt.gpu, got, tt.want)
		}
	}
}
