// SPDX-FileCopyrightText: The mlperf-ssd authors
// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"encoding/binary"
	"encoding/json"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/rogpeppe/go-internal/testscript"

	"mlperf-ssd/orchestrator/internal/tensorfile"
)

const (
	anchors = 8732
	side    = 300
)

// makeInput FILE: what `step` reads, one image with three labelled anchors.
func makeInput(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: input FILE")
	}
	image := make([]float32, 3*side*side)
	for i := range image {
		image[i] = float32(i%side)/side - 0.5
	}
	labels := make([]byte, 4*anchors)
	for i, anchor := range []int{10, 4000, 8731} {
		binary.LittleEndian.PutUint32(labels[4*anchor:], uint32(i+1))
	}
	ts.Check(tensorfile.Write(ts.MkAbs(args[0]), []tensorfile.Item{
		tensorfile.FromFloat32s("image", []int64{1, 3, side, side}, image),
		{Name: "label", DType: tensorfile.I32, Shape: []int64{1, anchors}, Data: labels},
		tensorfile.FromFloat32s("offset", []int64{1, anchors, 4}, make([]float32, 4*anchors)),
	}, nil))
}

// jsonDocument FILE KEY...: FILE is one JSON object and holds the keys.
func jsonDocument(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 1 {
		ts.Fatalf("usage: jsondoc FILE KEY...")
	}
	decoder := json.NewDecoder(strings.NewReader(ts.ReadFile(args[0])))
	var document map[string]any
	ts.Check(decoder.Decode(&document))
	if _, err := decoder.Token(); err != io.EOF {
		ts.Fatalf("%s: more than one JSON document", args[0])
	}
	for _, key := range args[1:] {
		if _, found := document[key]; !found {
			ts.Fatalf("%s: no %s", args[0], key)
		}
	}
}

// hasTensors FILE NAME...: FILE is a safetensors file and holds the tensors.
func hasTensors(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: tensors FILE NAME...")
	}
	file, err := tensorfile.Open(ts.MkAbs(args[0]))
	ts.Check(err)
	defer file.Close()
	for _, name := range args[1:] {
		if !file.Has(name) {
			ts.Fatalf("%s: no %s among %v", args[0], name, file.Names())
		}
	}
}

// truncate FILE SIZE cuts a file.
func truncate(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: truncate FILE SIZE")
	}
	size, err := strconv.ParseInt(args[1], 10, 64)
	ts.Check(err)
	ts.Check(os.Truncate(ts.MkAbs(args[0]), size))
}

// without FILE WORD OUT copies the lines that lack the word.
func without(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 3 {
		ts.Fatalf("usage: without FILE WORD OUT")
	}
	var kept strings.Builder
	for line := range strings.Lines(ts.ReadFile(args[0])) {
		if !strings.Contains(line, args[1]) {
			kept.WriteString(line)
		}
	}
	ts.Check(os.WriteFile(ts.MkAbs(args[2]), []byte(kept.String()), 0o600))
}

// childrenOf are the processes that a process started.
func childrenOf(pid int) []int {
	parent := strconv.Itoa(pid)
	files, _ := filepath.Glob("/proc/" + parent + "/task/*/children")
	var children []int
	for _, file := range files {
		text, _ := os.ReadFile(file) // a thread may have ended meanwhile
		for _, word := range strings.Fields(string(text)) {
			if child, err := strconv.Atoi(word); err == nil {
				children = append(children, child)
			}
		}
	}
	return children
}
