// SPDX-FileCopyrightText: The mlperf-ssd authors
// SPDX-License-Identifier: Apache-2.0

package worker

import (
	"cmp"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"go.uber.org/zap"

	"mlperf-ssd/orchestrator/internal/rendezvous"
	"mlperf-ssd/orchestrator/internal/tensorfile"
)

// kept is how many checkpoints stay.
const kept = 2

func checkpointDir(logDir string) string { return filepath.Join(logDir, "checkpoints") }

// checkpoint saves the state and removes what is older than the last ones. The state is the same on
// all ranks.
func (w *worker) checkpoint(ctx context.Context) error {
	if !w.leads() {
		return nil
	}
	w.tell(rendezvous.PhaseSave, w.progress.Step)
	defer w.tell(rendezvous.PhaseTrain, w.progress.Step)
	dir := checkpointDir(w.LogDir)
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return fmt.Errorf("checkpoint: %w", err)
	}
	path := filepath.Join(dir, fmt.Sprintf("step_%09d.safetensors", w.progress.Step))
	if err := w.call(ctx, func() error { return w.engine.Save(path) }); err != nil {
		return fmt.Errorf("checkpoint: %w", err)
	}
	w.Logger.Debug("checkpoint", zap.String("file", path))
	old, err := superseded(w.LogDir)
	if err != nil {
		return err
	}
	for _, file := range old {
		if err := os.Remove(file); err != nil {
			w.Logger.Warn("old checkpoint stays", zap.Error(err))
		}
	}
	return nil
}

// superseded are the checkpoints before the last ones, and what a killed run has begun to write.
func superseded(logDir string) ([]string, error) {
	begun, err := checkpoints(logDir, ".safetensors.tmp")
	if err != nil {
		return nil, err
	}
	whole, err := checkpoints(logDir, ".safetensors")
	return append(begun, whole[:max(0, len(whole)-kept)]...), err
}

// checkpoints are the files of a log folder whose names end so, oldest first: a step of more digits is a
// later one.
func checkpoints(logDir, ending string) ([]string, error) {
	dir := checkpointDir(logDir)
	entries, err := os.ReadDir(dir)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("checkpoint: %w", err)
	}
	var files []string
	for _, entry := range entries { // not by a pattern: the folder's name may look like one
		if name := entry.Name(); strings.HasPrefix(name, "step_") && strings.HasSuffix(name, ending) && !entry.IsDir() {
			files = append(files, filepath.Join(dir, name))
		}
	}
	slices.SortFunc(files, func(a, b string) int { return cmp.Or(cmp.Compare(len(a), len(b)), cmp.Compare(a, b)) })
	return files, nil
}

// Retire moves the checkpoints of an earlier run out of the way of a new one, in place of those moved
// before, and gives the folder they are in now; empty if there were none.
func Retire(logDir string) (string, error) {
	files, err := checkpoints(logDir, ".safetensors")
	if err != nil || len(files) == 0 {
		return "", err
	}
	retired := checkpointDir(logDir) + ".old"
	if err := os.RemoveAll(retired); err != nil {
		return "", fmt.Errorf("checkpoint: %w", err)
	}
	if err := os.Rename(checkpointDir(logDir), retired); err != nil {
		return "", fmt.Errorf("checkpoint: %w", err)
	}
	return retired, nil
}

// Latest is the newest usable checkpoint below a log folder, with what is wrong with newer ones.
func Latest(logDir string) (position Position, damaged []error, err error) {
	files, err := checkpoints(logDir, ".safetensors")
	if err != nil {
		return Position{}, nil, err
	}
	for _, file := range slices.Backward(files) {
		position, err := readPosition(file)
		if err == nil {
			return position, damaged, nil
		}
		damaged = append(damaged, err)
	}
	none := fmt.Errorf("resume: no usable checkpoint in %s", checkpointDir(logDir))
	return Position{}, nil, errors.Join(append([]error{none}, damaged...)...)
}

func readPosition(path string) (Position, error) {
	file, err := tensorfile.Open(path)
	if err != nil {
		return Position{}, err
	}
	defer file.Close()
	sum, err := checksum(file)
	if err != nil {
		return Position{}, err
	}
	if want := file.Metadata()["checksum"]; strconv.FormatUint(sum, 10) != want {
		return Position{}, fmt.Errorf("%s: damaged: its checksum is wrong", path)
	}
	position := Position{Checkpoint: path}
	for key, to := range map[string]*int64{"epoch": &position.Epoch, "iteration": &position.Iteration, "step": &position.Step} {
		if *to, err = count(path, file, key); err != nil {
			return Position{}, err
		}
	}
	return position, nil
}

// checksum is that of engine/core/safetensors.h: FNV-1a over words of 32 bits, tensors by name.
func checksum(file *tensorfile.File) (uint64, error) {
	const prime = 0x100000001b3
	sum := uint64(0xcbf29ce484222325)
	for _, name := range file.Names() {
		data, err := file.Bytes(name)
		if err != nil {
			return 0, err
		}
		for len(data) > 0 {
			var word [4]byte
			data = data[copy(word[:], data):]
			sum = (sum ^ uint64(binary.LittleEndian.Uint32(word[:]))) * prime
		}
	}
	return sum, nil
}

// Seed is the seed of the run that a checkpoint belongs to.
func (p Position) Seed() (int64, error) {
	file, err := tensorfile.Open(p.Checkpoint)
	if err != nil {
		return 0, err
	}
	defer file.Close()
	return count(p.Checkpoint, file, "seed")
}

// count is a number from 0 in the metadata.
func count(path string, file *tensorfile.File, key string) (int64, error) {
	text := file.Metadata()[key]
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil || n < 0 {
		return 0, fmt.Errorf("%s: metadata %s is %q, must be a whole number from 0", path, key, text)
	}
	return n, nil
}
