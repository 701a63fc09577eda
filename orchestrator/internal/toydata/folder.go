// SPDX-FileCopyrightText: The mlperf-ssd authors
// SPDX-License-Identifier: Apache-2.0

package toydata

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"sync"

	"mlperf-ssd/orchestrator/internal/atomicfile"
)

// markerName is the file that says that a data set is whole; it is written last.
const markerName = "toy.json"

// formatVersion changes when the same parameters give other images.
const formatVersion = 1

// Summary is what a data set holds; toy.json keeps it.
type Summary struct {
	Format int `json:"format"`
	Params
	TrainImages int   `json:"train_images"` // with those that have no box
	TrainBoxes  int   `json:"train_boxes"`  // all annotations
	ValImages   int   `json:"val_images"`
	ValBoxes    int   `json:"val_boxes"`
	Bytes       int64 `json:"bytes"`
	Drawn       bool  `json:"-"` // now, not by an earlier call
}

func (s *Summary) count(split string, images []drawn, annotationBytes int) {
	boxes := 0
	for _, img := range images {
		boxes += len(img.boxes)
		s.Bytes += img.bytes
	}
	s.Bytes += int64(annotationBytes)
	if split == "train" {
		s.TrainImages, s.TrainBoxes = len(images), boxes
	} else {
		s.ValImages, s.ValBoxes = len(images), boxes
	}
}

// inspect decides whether dir may be drawn into: nil if so, the summary of what it holds already if
// that is what p asks for.
func inspect(dir string, p Params, force bool) (*Summary, error) {
	entries, err := os.ReadDir(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	if force || len(entries) == 0 {
		return nil, nil
	}
	text, err := os.ReadFile(filepath.Join(dir, markerName))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("the folder is not empty and has no %s: foreign, or an unfinished data set; "+
			"name another folder, or write over it with --force", markerName)
	}
	if err != nil {
		return nil, err
	}
	var found Summary
	if err := json.Unmarshal(text, &found); err != nil {
		return nil, fmt.Errorf("%s: %w; draw again with --force", markerName, err)
	}
	if found.Format != formatVersion || found.Params != p {
		return nil, fmt.Errorf("it holds another data set (format %d, %d train, %d val, easy %v, seed %d): "+
			"name another folder, or draw over it with --force", found.Format, found.Train, found.Val, found.Easy, found.Seed)
	}
	if err := checkFiles(dir, found); err != nil {
		return nil, fmt.Errorf("the data set has lost files: %w; draw again with --force", err)
	}
	return &found, nil
}

// checkFiles looks for every file that a finished set has.
func checkFiles(dir string, s Summary) error {
	for split, images := range map[string]int{"train": s.TrainImages, "val": s.ValImages} {
		if _, err := os.Stat(filepath.Join(dir, annotationPath(split))); err != nil {
			return err
		}
		for id := 1; id <= images; id++ {
			if _, err := os.Stat(filepath.Join(dir, split+"2017", fileName(id))); err != nil {
				return err
			}
		}
	}
	return nil
}

// folder is a data set in the making. It remembers what it made, to take it back after an error. Any
// number of goroutines may write.
type folder struct {
	dir string

	mu   sync.Mutex
	made []string // in order
}

// forget removes what would make an earlier data set look whole or be read in place of the new one.
func (f *folder) forget() error {
	for _, name := range []string{
		markerName,
		"annotations/bbox_only_instances_train2017.json",
		"annotations/bbox_only_instances_val2017.json",
	} {
		if err := os.Remove(filepath.Join(f.dir, name)); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	return nil
}

func (f *folder) remember(path string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.made = append(f.made, path)
}

// makeFolders makes path and what is missing above it.
func (f *folder) makeFolders(path string) error {
	if info, err := os.Stat(path); err == nil && info.IsDir() {
		return nil
	}
	if parent := filepath.Dir(path); parent != path {
		if err := f.makeFolders(parent); err != nil {
			return err
		}
	}
	err := os.Mkdir(path, 0o755)
	if err == nil {
		f.remember(path)
	} else if errors.Is(err, fs.ErrExist) { // another goroutine made it, or a file stands there
		if info, statErr := os.Stat(path); statErr == nil && info.IsDir() {
			return nil
		}
	}
	return err
}

// write writes a file below the folder.
func (f *folder) write(name string, content []byte) error {
	path := filepath.Join(f.dir, name)
	if err := f.makeFolders(filepath.Dir(path)); err != nil {
		return err
	}
	f.remember(path)
	return os.WriteFile(path, content, 0o644)
}

// finish marks the data set as whole.
func (f *folder) finish(s Summary) error {
	return atomicfile.WriteJSON(filepath.Join(f.dir, markerName), s)
}

// remove takes back what was made; folders that hold anything else stay.
func (f *folder) remove() {
	for _, path := range slices.Backward(f.made) {
		_ = os.Remove(path)
	}
}
