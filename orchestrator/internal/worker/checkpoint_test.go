// SPDX-FileCopyrightText: The mlperf-ssd authors
// SPDX-License-Identifier: Apache-2.0

package worker

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"mlperf-ssd/orchestrator/internal/tensorfile"
)

// save writes a checkpoint as the engine would.
func save(t *testing.T, dir string, step int64) string {
	t.Helper()
	path := filepath.Join(checkpointDir(dir), fmt.Sprintf("step_%09d.safetensors", step))
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	item := tensorfile.FromFloat32s("w", []int64{2}, []float32{1, float32(step)})
	write := func(sum uint64) {
		err := tensorfile.Write(path, []tensorfile.Item{item}, map[string]string{
			"epoch": "2", "iteration": "3", "step": strconv.FormatInt(step, 10), "seed": "9",
			"checksum": strconv.FormatUint(sum, 10)})
		if err != nil {
			t.Fatal(err)
		}
	}
	write(0)
	file, err := tensorfile.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	sum, err := checksum(file)
	if err != nil {
		t.Fatal(err)
	}
	file.Close()
	write(sum)
	return path
}

func TestLatestPassesOverDamagedFiles(t *testing.T) {
	dir := t.TempDir()
	if _, _, err := Latest(dir); err == nil || !strings.Contains(err.Error(), "no usable checkpoint") {
		t.Errorf("empty folder: %v", err)
	}
	older, newer := save(t, dir, 7), save(t, dir, 12)
	position, wrong, err := Latest(dir)
	if err != nil || len(wrong) != 0 || position != (Position{newer, 2, 3, 12}) {
		t.Errorf("got %+v, %v", position, err)
	}
	if seed, err := position.Seed(); seed != 9 || err != nil {
		t.Errorf("seed %d, %v", seed, err)
	}
	text, err := os.ReadFile(newer)
	if err != nil {
		t.Fatal(err)
	}
	text[len(text)-1] ^= 1
	for _, damaged := range [][]byte{text, text[:len(text)-3], {}} {
		if err := os.WriteFile(newer, damaged, 0o600); err != nil {
			t.Fatal(err)
		}
		position, wrong, err := Latest(dir)
		if err != nil || position.Checkpoint != older || len(wrong) != 1 || !strings.Contains(wrong[0].Error(), newer) {
			t.Errorf("got %+v past %v, %v", position, wrong, err)
		}
	}
	if err := os.Remove(older); err != nil {
		t.Fatal(err)
	}
	if _, _, err := Latest(dir); err == nil || !strings.Contains(err.Error(), newer) {
		t.Errorf("only a damaged one: %v", err)
	}
}

// A new run may neither resume from an older one nor lose its checkpoints to those of later steps.
func TestRetireMovesCheckpointsAway(t *testing.T) {
	dir := t.TempDir()
	if retired, err := Retire(dir); retired != "" || err != nil {
		t.Errorf("nothing there: %q, %v", retired, err)
	}
	for _, step := range []int64{7, 12} {
		name := filepath.Base(save(t, dir, step))
		retired, err := Retire(dir)
		if err != nil || retired != filepath.Join(dir, "checkpoints.old") {
			t.Fatalf("%q, %v", retired, err)
		}
		files, err := os.ReadDir(retired)
		if err != nil || len(files) != 1 || files[0].Name() != name {
			t.Errorf("kept %v, want %s alone (%v)", files, name, err)
		}
		if _, _, err := Latest(dir); err == nil {
			t.Error("the old run can still be resumed")
		}
	}
}

func TestCheckpointsOfOddPositions(t *testing.T) {
	for _, step := range []string{"", "x", "-1", "9223372036854775808"} {
		path := filepath.Join(checkpointDir(t.TempDir()), "step_1.safetensors")
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		const nothing = "14695981039346656037" // the checksum
		if err := tensorfile.Write(path, nil, map[string]string{"epoch": "1", "iteration": "1", "step": step, "checksum": nothing}); err != nil {
			t.Fatal(err)
		}
		want := fmt.Sprintf("%s: metadata step is %q, must be a whole number from 0", path, step)
		if _, err := readPosition(path); err == nil || err.Error() != want {
			t.Errorf("%v, want %s", err, want)
		}
	}
}

// A folder's name is no pattern, and the steps of a long run have more digits.
func TestCheckpointsOfAnyFolderByStep(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "run[1]*?")
	older, newer := save(t, dir, 999_999_999), save(t, dir, 1_000_000_000)
	if files, err := checkpoints(dir, ".safetensors"); !slices.Equal(files, []string{older, newer}) || err != nil {
		t.Errorf("%q (%v)", files, err)
	}
	if position, _, err := Latest(dir); err != nil || position.Checkpoint != newer {
		t.Errorf("got %+v, %v", position, err)
	}
	if retired, err := Retire(dir); retired == "" || err != nil {
		t.Errorf("retired %q, %v", retired, err)
	}
}

func TestSupersededAreOldAndHalfWritten(t *testing.T) {
	dir := t.TempDir()
	begun := filepath.Join(checkpointDir(dir), "step_000000009.safetensors.tmp")
	want := []string{begun, save(t, dir, 3), save(t, dir, 5)}
	save(t, dir, 7)
	save(t, dir, 12)
	if err := os.WriteFile(begun, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if old, err := superseded(dir); !slices.Equal(old, want) || err != nil {
		t.Errorf("%v, want %v (%v)", old, want, err)
	}
}

// Words by hand: 3f800000, 40e00000 (1 and 7).
func TestChecksumIsTheEngines(t *testing.T) {
	file, err := tensorfile.Open(save(t, t.TempDir(), 7))
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	want := uint64(0xcbf29ce484222325)
	for _, word := range []uint64{0x3f800000, 0x40e00000} {
		want = (want ^ word) * 0x100000001b3
	}
	if got, err := checksum(file); got != want || err != nil {
		t.Errorf("%x, want %x (%v)", got, want, err)
	}
}
