// SPDX-FileCopyrightText: The mlperf-ssd authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"mlperf-ssd/orchestrator/internal/exit"
	"mlperf-ssd/orchestrator/internal/ssdnames"
	"mlperf-ssd/orchestrator/internal/tensorfile"
	"mlperf-ssd/orchestrator/internal/torchfile/torchtest"
)

// backbone is a file as torchvision's, tensor i ending in i.
func backbone() []byte {
	var tensors []torchtest.Tensor
	for i, tensor := range ssdnames.Backbone() {
		n := int64(1)
		for _, extent := range tensor.Shape {
			n *= extent
		}
		values := make([]float32, n)
		values[n-1] = float32(i)
		tensors = append(tensors, torchtest.Tensor{Name: tensor.Torch, Shape: tensor.Shape, Values: values})
	}
	tensors = append(tensors, torchtest.Tensor{Name: "fc.bias", Shape: []int64{1}, Values: []float32{1}})
	return torchtest.Legacy(tensors...)
}

func TestPrepareBackboneConverts(t *testing.T) {
	dir := t.TempDir()
	in, out := filepath.Join(dir, "resnet34.pth"), filepath.Join(dir, "backbone.safetensors")
	if err := os.WriteFile(in, backbone(), 0o600); err != nil {
		t.Fatal(err)
	}
	text, code := prepare(t, "backbone", in, out, "--json")
	var got struct {
		Output, Kind    string
		Tensors, Unused int
	}
	if err := json.Unmarshal([]byte(text), &got); err != nil || code != exit.OK {
		t.Fatalf("exit %d: %v: %s", code, err, text)
	}
	if got.Output != out || got.Kind != "backbone" || got.Tensors != 145 || got.Unused != 1 {
		t.Errorf("reported %+v", got)
	}
	f, err := tensorfile.Open(out)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	for i, want := range ssdnames.Backbone() {
		tensor, err := f.Tensor(want.Name)
		if err != nil || !slices.Equal(tensor.Shape, want.Shape) {
			t.Errorf("%s has shape %v, want %v (%v)", want.Name, tensor.Shape, want.Shape, err)
			continue
		}
		values, err := f.Float32s(want.Name)
		if err != nil || values[len(values)-1] != float32(i) {
			t.Errorf("%s does not end in %d (%v)", want.Name, i, err)
		}
	}
}

func TestPrepareBackboneFetches(t *testing.T) {
	content := backbone()
	sum := sha256.Sum256(content)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write(content) }))
	defer server.Close()
	dir := t.TempDir()
	out := filepath.Join(dir, "backbone.safetensors")
	if text, code := prepare(t, "backbone", server.URL+"/a-00000000.pth", out); code != exit.Failed || !strings.Contains(text, "the SHA-256 begins with") {
		t.Errorf("wrong digits: exit %d: %s", code, text)
	}
	if left, err := os.ReadDir(dir); err != nil || len(left) != 0 {
		t.Errorf("left behind: %v (%v)", left, err)
	}
	address := server.URL + "/a-" + hex.EncodeToString(sum[:4]) + ".pth?x=y"
	if text, code := prepare(t, "backbone", address, out); code != exit.OK || !strings.Contains(text, "145 tensors") {
		t.Errorf("exit %d: %s", code, text)
	}
	if left, err := os.ReadDir(dir); err != nil || len(left) != 1 {
		t.Errorf("left behind: %v (%v)", left, err)
	}
}
