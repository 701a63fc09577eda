// SPDX-FileCopyrightText: The mlperf-ssd authors
// SPDX-License-Identifier: Apache-2.0

// Package toydata draws a small data set in COCO's layout and format, for people without COCO: scenes
// of textured shapes that SSD300 learns from random weights within some twenty epochs.
//
// Images of val hold four classes, or one; train has a few more in small number, and both have what real data
// have: grayscale files (train), crowd boxes, boxes too thin to count, images without a box. The
// bytes depend only on the parameters, given the release of Go and the kind of processor.
package toydata

import (
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
	"image"
	"image/draw"
	"image/jpeg"
	"math/rand/v2"
	"path/filepath"
	"runtime"
	"sync"
	"sync/atomic"
)

// MaxImages bounds each split.
const MaxImages = 200_000

const jpegQuality = 90

// Params say what is drawn.
type Params struct {
	Train int    `json:"train"`          // training images that have a box: the epoch size
	Val   int    `json:"val"`            // validation images
	Easy  bool   `json:"easy,omitempty"` // one class of large objects: learnt from some hundred images
	Seed  uint64 `json:"seed"`
}

// Check reports a number out of range, naming it.
func (p Params) Check() error {
	for _, split := range []struct {
		name   string
		images int
	}{{"train", p.Train}, {"val", p.Val}} {
		if split.images < 1 || split.images > MaxImages {
			return fmt.Errorf("%s is %d, must be 1 to %d images", split.name, split.images, MaxImages)
		}
	}
	return nil
}

// Options say how to draw; the data set does not depend on them.
type Options struct {
	Force bool // write over what is in the folder
	// Progress, if set, hears of each written image, from any goroutine and perhaps from several at once.
	Progress func(done, total int)
}

// drawn is what an annotation file needs of a written image.
type drawn struct {
	width, height int
	boxes         []box
	bytes         int64
}

// Generate draws the data set into dir, which may be missing or empty. Where dir already holds the
// same set, nothing is done and Summary.Drawn is false. Anything else in dir is an error, unless
// o.Force is set. After an error or when ctx ends, what was written is removed again.
func Generate(ctx context.Context, dir string, p Params, o Options) (Summary, error) {
	fail := func(err error) (Summary, error) { return Summary{}, fmt.Errorf("toy data: draw into %s: %w", dir, err) }
	if err := p.Check(); err != nil {
		return fail(err)
	}
	if done, err := inspect(dir, p, o.Force); err != nil || done != nil {
		if err != nil {
			return fail(err)
		}
		return *done, nil
	}
	out := &folder{dir: dir}
	summary, err := generate(ctx, out, p, o.Progress)
	if err != nil {
		out.remove()
		return fail(err)
	}
	return summary, nil
}

func generate(ctx context.Context, out *folder, p Params, progress func(done, total int)) (Summary, error) {
	if err := out.forget(); err != nil {
		return Summary{}, err
	}
	summary := Summary{Format: formatVersion, Params: p, Drawn: true}
	splits := plan(p)
	total := 0
	for _, s := range splits {
		total += len(s.roles)
	}
	var done atomic.Int64
	wrote := func() {
		if n := done.Add(1); progress != nil {
			progress(int(n), total)
		}
	}
	for _, s := range splits {
		images, err := drawSplit(ctx, out, s, p, wrote)
		if err != nil {
			return Summary{}, err
		}
		text, err := makeAnnotations(s.name, images)
		if err != nil {
			return Summary{}, err
		}
		if err := out.write(annotationPath(s.name), text); err != nil {
			return Summary{}, err
		}
		summary.count(s.name, images, len(text))
	}
	return summary, out.finish(summary)
}

// drawSplit draws and writes the images of a split on all processors, in any order, and calls wrote
// after each.
func drawSplit(ctx context.Context, out *folder, s split, p Params, wrote func()) ([]drawn, error) {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	images := make([]drawn, len(s.roles))
	var next atomic.Int64
	var workers sync.WaitGroup
	for range min(runtime.GOMAXPROCS(0), len(images)) {
		workers.Go(func() {
			for ctx.Err() == nil {
				i := int(next.Add(1)) - 1
				if i >= len(images) {
					return
				}
				scene := drawScene(s.roles[i], subjectsOf(p), randomOf(p.Seed, s.name, i))
				text, err := encode(scene.canvas, s.roles[i].grey)
				if err == nil {
					err = out.write(filepath.Join(s.name+"2017", fileName(i+1)), text)
				}
				if err != nil {
					cancel(err)
					return
				}
				size := scene.canvas.Rect.Size()
				images[i] = drawn{size.X, size.Y, scene.boxes, int64(len(text))}
				wrote()
			}
		})
	}
	workers.Wait()
	return images, context.Cause(ctx)
}

// randomOf are the random numbers of one image.
func randomOf(seed uint64, split string, index int) *rand.Rand {
	var key [32]byte
	binary.LittleEndian.PutUint64(key[0:], seed)
	binary.LittleEndian.PutUint64(key[8:], uint64(index))
	copy(key[16:], split)
	return rand.New(rand.NewChaCha8(key))
}

func encode(canvas *image.RGBA, grey bool) ([]byte, error) {
	var picture image.Image = canvas
	if grey {
		g := image.NewGray(canvas.Rect)
		draw.Draw(g, g.Rect, canvas, image.Point{}, draw.Src)
		picture = g
	}
	var b bytes.Buffer
	err := jpeg.Encode(&b, picture, &jpeg.Options{Quality: jpegQuality})
	return b.Bytes(), err
}

// annotationPath is where the annotations of a split lie, below the data set's folder.
func annotationPath(split string) string {
	return filepath.Join("annotations", "instances_"+split+"2017.json")
}
