// SPDX-FileCopyrightText: The mlperf-ssd authors
// SPDX-License-Identifier: Apache-2.0

package weights

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"math"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"mlperf-ssd/orchestrator/internal/download"
	"mlperf-ssd/orchestrator/internal/ssdnames"
	"mlperf-ssd/orchestrator/internal/tensorfile"
	"mlperf-ssd/orchestrator/internal/torchfile"
)

// Converted says what Convert wrote.
type Converted struct {
	Kind    string `json:"kind"` // "backbone" or "model"
	Tensors int    `json:"tensors"`
	Unused  int    `json:"unused"` // tensors of the input that the model has no place for
	Bytes   int64  `json:"bytes"`  // of the tensors
}

// Convert writes the tensors of a .pth file to a safetensors file under the names of the log. The
// input is torchvision's ResNet-34 or a full model that has those names already; every tensor must be
// there, in f32 and in its shape. A name that ends in -xxxxxxxx.pth promises the first digits of the
// file's SHA-256, which must hold.
func Convert(path, out string) (Converted, error) {
	result, err := convert(path, func(items []tensorfile.Item, metadata map[string]string) error {
		return tensorfile.Write(out, items, metadata)
	})
	if err != nil {
		return Converted{}, fmt.Errorf("weights: convert: %w", err)
	}
	return result, nil
}

func convert(path string, write func([]tensorfile.Item, map[string]string) error) (Converted, error) {
	if err := checkSum(path); err != nil {
		return Converted{}, err
	}
	file, err := torchfile.Open(path)
	if err != nil {
		return Converted{}, err
	}
	defer file.Close()
	result := Converted{Kind: "backbone"}
	wanted := ssdnames.Backbone()
	nameIn := func(t ssdnames.Tensor) string { return t.Torch }
	if isModel(file) {
		result.Kind = "model"
		wanted = ssdnames.Model()
		nameIn = func(t ssdnames.Tensor) string { return t.Name }
	}
	known := map[string]bool{}
	var items []tensorfile.Item
	for _, t := range wanted {
		item, err := take(path, file, nameIn(t), t)
		if err != nil {
			return Converted{}, err
		}
		known[nameIn(t)] = true
		items = append(items, item)
		result.Bytes += int64(len(item.Data))
	}
	result.Tensors = len(items)
	for _, name := range file.Names() {
		switch {
		case known[name]:
		case ssdnames.UnusedTorch(name):
			result.Unused++
		default:
			return Converted{}, fmt.Errorf("%s: tensor %s has no place in the %s", path, name, result.Kind)
		}
	}
	return result, write(items, map[string]string{"source": filepath.Base(path)})
}

// isModel reports whether a file has names of the log.
func isModel(file *torchfile.File) bool {
	return slices.ContainsFunc(file.Names(), func(name string) bool { return strings.HasPrefix(name, "ssd0_") })
}

// take reads the tensor that file calls name.
func take(path string, file *torchfile.File, name string, want ssdnames.Tensor) (tensorfile.Item, error) {
	dtype, shape, err := file.Tensor(name)
	if err != nil {
		return tensorfile.Item{}, fmt.Errorf("%w: the file is no ResNet-34 of torchvision and no full model", err)
	}
	if dtype != tensorfile.F32 || !slices.Equal(shape, want.Shape) {
		return tensorfile.Item{}, fmt.Errorf("%s: tensor %s is %s %v, must be %s %v",
			path, name, dtype, shape, tensorfile.F32, want.Shape)
	}
	data, err := file.Bytes(name)
	if err == nil {
		err = checkNumbers(path, name, data)
	}
	return tensorfile.Item{Name: want.Name, DType: dtype, Shape: shape, Data: data}, err
}

// checkNumbers refuses f32 values that no network has: training would only find a loss that is no number.
func checkNumbers(path, name string, data []byte) error {
	isVariance := strings.HasSuffix(name, "running_var")
	for ; len(data) > 0; data = data[4:] {
		value := float64(math.Float32frombits(binary.LittleEndian.Uint32(data)))
		switch {
		case math.IsNaN(value) || math.IsInf(value, 0):
			return fmt.Errorf("%s: tensor %s holds a value that is not finite", path, name)
		case isVariance && value < 0:
			return fmt.Errorf("%s: tensor %s holds a variance below 0", path, name)
		}
	}
	return nil
}

// SumOf is the checksum that a file's name promises, if it does.
func SumOf(name string) download.Sum {
	digits := regexp.MustCompile(`-([0-9a-f]{8})\.pth$`).FindStringSubmatch(name)
	if digits == nil {
		return download.Sum{}
	}
	return download.Sum{Name: "SHA-256", New: sha256.New, Prefix: digits[1]}
}

// checkSum holds a file against the digits in its name, if there are any.
func checkSum(path string) error {
	sum := SumOf(filepath.Base(path))
	if sum.New == nil {
		return nil
	}
	return download.Verify(context.Background(), path, sum)
}
