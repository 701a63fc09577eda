// SPDX-FileCopyrightText: The mlperf-ssd authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"cmp"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"path/filepath"
	"slices"
	"strings"

	"mlperf-ssd/orchestrator/internal/ssdnames"
	"mlperf-ssd/orchestrator/internal/tensorfile"
)

// What a step in f16 may be away from one in f32: the norm of the difference over the norm of the f32
// tensor. Measured on this input with the CPU's bf16: 0.0013, 0.067, 0.53 and 0.81. An error of rounding
// grows as a value's last bit does, and f16 keeps three bits more: an eighth of those, and twice that for
// another order of sums. A term that is missing or wrong is far above it.
const (
	lossTolerance     = 0.0005
	outputTolerance   = 0.02
	gradientTolerance = 0.15 // of all gradients together
	tensorTolerance   = 0.25 // of the gradient of one parameter
)

const (
	stepImages = 2
	imageSide  = 300
	boxesEach  = 5
	classes    = 80
	told       = 3 // of what is too far away
)

// parity is how far a step on the card is from the CPU's in f32.
type parity struct {
	Loss      float64  `json:"loss"`
	Scores    float64  `json:"scores"`
	Offsets   float64  `json:"offsets"`
	Gradients float64  `json:"gradients"` // of all together
	Count     int      `json:"count"`     // of gradients
	Worst     []tensor `json:"worst"`     // gradients of single parameters, the farthest first
}

type tensor struct {
	Name     string  `json:"name"`
	Distance float64 `json:"distance"`
}

// step runs the same training step, from the same random weights, on both engines.
func (f files) step(ctx context.Context) (any, error) {
	input := filepath.Join(f.work, "step.safetensors")
	if err := writeStep(input); err != nil {
		return nil, err
	}
	want, got := filepath.Join(f.work, "cpu.safetensors"), filepath.Join(f.work, "cuda.safetensors")
	if _, err := output(ctx, f.program, "step", "--precision=f32", "--engine="+f.cpu, "--input="+input, "--output="+want); err != nil {
		return nil, err
	}
	if _, err := output(ctx, f.program, f.onCard("step", "--input="+input, "--output="+got)...); err != nil {
		return nil, err
	}
	return compare(want, got)
}

// writeStep makes images with smooth colours, so that no value stands alone, and boxes on them.
func writeStep(path string) error {
	random := rand.New(rand.NewPCG(1, 2))
	pixels := make([]float32, 0, stepImages*3*imageSide*imageSide)
	for range stepImages * 3 {
		across, down, phase := 0.3*random.Float64(), 0.3*random.Float64(), random.Float64()
		for y := range imageSide {
			for x := range imageSide {
				pixels = append(pixels, float32(2*math.Sin(across*float64(x)+down*float64(y)+phase)+0.2*random.NormFloat64()))
			}
		}
	}
	var boxes []float32
	var labels, counts []int32
	for range stepImages {
		for range boxesEach {
			left, top := 0.7*random.Float32(), 0.7*random.Float32()
			boxes = append(boxes, left, top, left+0.1+0.2*random.Float32(), top+0.1+0.2*random.Float32())
			labels = append(labels, 1+random.Int32N(classes))
		}
		counts = append(counts, boxesEach)
	}
	return tensorfile.Write(path, []tensorfile.Item{
		tensorfile.FromFloat32s("image", []int64{stepImages, 3, imageSide, imageSide}, pixels),
		tensorfile.FromFloat32s("boxes", []int64{int64(len(labels)), 4}, boxes),
		int32s("labels", labels),
		int32s("counts", counts),
	}, nil)
}

func int32s(name string, values []int32) tensorfile.Item {
	var data []byte
	for _, v := range values {
		data = binary.LittleEndian.AppendUint32(data, uint32(v))
	}
	return tensorfile.Item{Name: name, DType: tensorfile.I32, Shape: []int64{int64(len(values))}, Data: data}
}

// squares are the sums of squares of a difference and of what is wanted.
type squares struct{ difference, wanted float64 }

func (s *squares) add(other squares) {
	s.difference += other.difference
	s.wanted += other.wanted
}

// distance is NaN where one of them is no number.
func (s squares) distance() float64 {
	if s.difference == 0 {
		return 0
	}
	return math.Sqrt(s.difference / s.wanted)
}

// compare holds every tensor of a step against the wanted one.
func compare(want, got string) (_ parity, err error) {
	wanted, err := tensorfile.Open(want)
	if err != nil {
		return parity{}, err
	}
	defer func() { err = errors.Join(err, wanted.Close()) }()
	given, err := tensorfile.Open(got)
	if err != nil {
		return parity{}, err
	}
	defer func() { err = errors.Join(err, given.Close()) }()
	var p parity
	var all squares
	for _, name := range wanted.Names() {
		s, err := squaresOf(wanted, given, name)
		if err != nil {
			return p, err
		}
		switch name {
		case "loss":
			p.Loss = s.distance()
		case "scores":
			p.Scores = s.distance()
		case "offsets":
			p.Offsets = s.distance()
		default:
			p.Count++
			all.add(s)
			p.Worst = append(p.Worst, tensor{strings.TrimPrefix(name, "grad."), s.distance()})
		}
	}
	p.Gradients = all.distance()
	slices.SortFunc(p.Worst, func(a, b tensor) int { return -cmp.Compare(a.Distance, b.Distance) })
	err = p.judge()
	p.Worst = p.Worst[:min(5, len(p.Worst))]
	return p, err
}

func squaresOf(wanted, given *tensorfile.File, name string) (squares, error) {
	want, err := wanted.Float32s(name)
	if err != nil {
		return squares{}, err
	}
	got, err := given.Float32s(name)
	if err != nil {
		return squares{}, err
	}
	if len(want) != len(got) {
		return squares{}, fmt.Errorf("%s has %d values, %d are wanted", name, len(got), len(want))
	}
	var s squares
	for i, w := range want {
		d := float64(got[i]) - float64(w)
		s.difference += d * d
		s.wanted += float64(w) * float64(w)
	}
	return s, nil
}

// judge names what is too far away; a value that is no number is.
func (p parity) judge() error {
	if want := len(ssdnames.Tensors()); p.Count != want {
		return fmt.Errorf("%d gradients, %d are wanted", p.Count, want)
	}
	var far []error
	hold := func(what string, distance, tolerance float64) {
		if !(distance <= tolerance) {
			far = append(far, fmt.Errorf("%s is %.3g away, %g is allowed", what, distance, tolerance))
		}
	}
	hold("the loss", p.Loss, lossTolerance)
	hold("scores", p.Scores, outputTolerance)
	hold("offsets", p.Offsets, outputTolerance)
	hold("the gradient", p.Gradients, gradientTolerance)
	for _, t := range p.Worst {
		hold("the gradient of "+t.Name, t.Distance, tensorTolerance)
	}
	if more := len(far) - told; more > 0 {
		far = append(far[:told], fmt.Errorf("and %d more", more))
	}
	return errors.Join(far...)
}
