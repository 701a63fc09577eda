// SPDX-FileCopyrightText: The mlperf-ssd authors
// SPDX-License-Identifier: Apache-2.0

package weights

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"mlperf-ssd/orchestrator/internal/ssdnames"
	"mlperf-ssd/orchestrator/internal/tensorfile"
	"mlperf-ssd/orchestrator/internal/torchfile/torchtest"
)

// tensors are those of the model, or of torchvision's file, each filled with its index.
func tensors(all []ssdnames.Tensor, name func(ssdnames.Tensor) string) []torchtest.Tensor {
	var out []torchtest.Tensor
	for i, t := range all {
		n := int64(1)
		for _, extent := range t.Shape {
			n *= extent
		}
		values := make([]float32, n)
		for j := range values {
			values[j] = float32(i)
		}
		out = append(out, torchtest.Tensor{Name: name(t), Shape: t.Shape, Values: values})
	}
	return out
}

func backbone() []torchtest.Tensor {
	all := tensors(ssdnames.Backbone(), func(t ssdnames.Tensor) string { return t.Torch })
	return append(all,
		torchtest.Tensor{Name: "fc.bias", Shape: []int64{1}, Values: []float32{1}},
		torchtest.Tensor{Name: "layer4.0.conv1.weight", Shape: []int64{1}, Values: []float32{1}},
		torchtest.Tensor{Name: "bn1.num_batches_tracked", Values: []float32{1}},
	)
}

func write(t *testing.T, name string, content []byte) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, content, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// expectFilled reads what was converted: tensor i of all holds i.
func expectFilled(t *testing.T, path string, all []ssdnames.Tensor) {
	t.Helper()
	f, err := tensorfile.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if len(f.Names()) != len(all) {
		t.Errorf("%d tensors, want %d", len(f.Names()), len(all))
	}
	for i, want := range all {
		got, err := f.Tensor(want.Name)
		if err != nil || !slices.Equal(got.Shape, want.Shape) {
			t.Errorf("%s has shape %v, want %v (%v)", want.Name, got.Shape, want.Shape, err)
			continue
		}
		values, err := f.Float32s(want.Name)
		if err != nil || values[0] != float32(i) || values[len(values)-1] != float32(i) {
			t.Errorf("%s does not hold %d (%v)", want.Name, i, err)
		}
	}
}

func TestBackbone(t *testing.T) {
	content := torchtest.Legacy(backbone()...)
	sum := sha256.Sum256(content)
	path := write(t, "resnet34-"+hex.EncodeToString(sum[:])[:8]+".pth", content)
	out := filepath.Join(t.TempDir(), "out.safetensors")
	got, err := Convert(path, out)
	if err != nil {
		t.Fatal(err)
	}
	// 29 layers of a convolution and four tensors of its BatchNorm.
	if got.Kind != "backbone" || got.Tensors != 145 || got.Unused != 3 {
		t.Errorf("converted %+v", got)
	}
	expectFilled(t, out, ssdnames.Backbone())
}

func TestFullModelThroughTemporary(t *testing.T) {
	all := tensors(ssdnames.Model(), func(t ssdnames.Tensor) string { return t.Name })
	content, err := torchtest.Zip(torchtest.Entries(all...)...)
	if err != nil {
		t.Fatal(err)
	}
	t.Setenv("TMPDIR", t.TempDir())
	file, done, err := Temporary(write(t, "model.pth", content))
	if err != nil {
		t.Fatal(err)
	}
	expectFilled(t, file, ssdnames.Model())
	expectEmpty(t, os.TempDir())
	done()
	if _, err := os.Stat(file); !os.IsNotExist(err) {
		t.Errorf("the conversion is still there: %v", err)
	}
}

func expectEmpty(t *testing.T, dir string) {
	t.Helper()
	if entries, err := os.ReadDir(dir); err != nil || len(entries) != 0 {
		t.Errorf("%s holds %v (%v)", dir, entries, err)
	}
}

func TestPassedThrough(t *testing.T) {
	for _, path := range []string{"", write(t, "w.safetensors", []byte("{}")), write(t, "w", make([]byte, 9))} {
		file, done, err := Temporary(path)
		if err != nil || file != path {
			t.Errorf("%q became %q (%v)", path, file, err)
			continue
		}
		done()
	}
}

func TestWrongFiles(t *testing.T) {
	change := func(at int, to torchtest.Tensor) []byte {
		all := backbone()
		all[at] = to
		return torchtest.Legacy(all...)
	}
	small := torchtest.Tensor{Name: "conv1.weight", Shape: []int64{64}, Values: make([]float32, 64)}
	with := func(at int, value float32) []byte {
		tensor := backbone()[at]
		tensor.Values = slices.Clone(tensor.Values)
		tensor.Values[len(tensor.Values)-1] = value
		return change(at, tensor)
	}
	integers := torchtest.Tensor{Name: "bn1.weight", Shape: []int64{64}, Values: make([]float32, 64), Storage: "IntStorage"}
	for want, file := range map[string]struct {
		name    string
		content []byte
	}{
		"tensor conv1.weight is F32 [64], must be F32 [64 3 7 7]": {"a.pth", change(0, small)},
		"tensor bn1.weight is I32 [64], must be F32 [64]":         {"a.pth", change(1, integers)},
		"tensor conv1.weight holds a value that is not finite":    {"a.pth", with(0, float32(math.Inf(1)))},
		"tensor bn1.weight holds a value that is not finite":      {"a.pth", with(1, float32(math.NaN()))},
		"tensor bn1.running_var holds a variance below 0":         {"a.pth", with(4, -1e-30)},
		"tensor conv1.weight is missing":                          {"a.pth", torchtest.Legacy(backbone()[1:]...)},
		"tensor layer3.9.x has no place in the backbone":          {"a.pth", torchtest.Legacy(append(backbone(), torchtest.Tensor{Name: "layer3.9.x", Shape: []int64{0}})...)},
		"tensor ssd0_resnetmlperf0_conv0_weight is missing":       {"a.pth", torchtest.Legacy(torchtest.Tensor{Name: "ssd0_x", Shape: []int64{0}})},
		"resnet34-333f7ec4.pth: the SHA-256 begins with ":         {"resnet34-333f7ec4.pth", torchtest.Legacy(backbone()...)},
		"neither of PyTorch's formats":                            {"a.pth", []byte("<html>not found</html>")},
		"conv1.weight is missing":                                 {"a", torchtest.Legacy(backbone()[1:]...)},
	} {
		path := write(t, file.name, file.content)
		scratch := t.TempDir()
		_, err := Convert(path, filepath.Join(scratch, "out"))
		if err == nil || !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), path) {
			t.Errorf("error %v, want %q and the path", err, want)
		}
		expectEmpty(t, scratch)
		if file.name != "a" {
			continue
		}
		if _, _, temporary := Temporary(path); temporary == nil || temporary.Error() != err.Error() { // known by its content
			t.Errorf("Temporary: error %v, want %v", temporary, err)
		}
	}
	if _, _, err := Temporary("/none/resnet34.pth"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a missing file: %v", err)
	}
}
