// SPDX-FileCopyrightText: The mlperf-ssd authors
// SPDX-License-Identifier: Apache-2.0

package toydata

import (
	"image"
	"math"
	"math/rand/v2"
)

const (
	// An object's longer side, as a share of the geometric mean of the image's sides.
	minObject, minEasy, maxObject = 70.0 / 300, 130.0 / 300, 200.0 / 300
	// How much of the smaller of two boxes may be covered by the other.
	maxOverlap = 0.08
	// Room between an object and the image's edge, pixels.
	margin = 2
	// Tries to place an object before it is left out.
	placements = 30
)

// box is what an annotation says: pixels, left and top from 0.
type box struct {
	x, y, w, h float64
	category   int
	crowd      bool
}

// scene is a drawn image with its boxes.
type scene struct {
	canvas *image.RGBA
	boxes  []box
}

// object is one drawn thing.
type object struct {
	class  class
	centre point
	size   float64 // longer side of its box
	turn   float64 // radians
	aspect float64 // width over height of its frame, before the turn
}

// outline is the object's shape in pixels, and the frame that it is drawn in.
func (o object) outline() ([]point, frame) {
	sin, cos := math.Sincos(o.turn)
	wide, high := math.Sqrt(o.aspect), 1/math.Sqrt(o.aspect)
	f := frameOf(point{wide * cos, wide * sin}, point{-high * sin, high * cos}, point{}, 1)
	low, top := bounds(f.all(o.class.outline))
	unit := o.size / max(top.x-low.x, top.y-low.y)
	f = frameOf(f.u, f.v, point{
		o.centre.x - unit*(low.x+top.x)/2,
		o.centre.y - unit*(low.y+top.y)/2,
	}, unit)
	return f.all(o.class.outline), f
}

// frame maps an object's frame to pixels: origin + x u + y v.
type frame struct{ u, v, origin point }

func frameOf(u, v, origin point, unit float64) frame {
	return frame{point{u.x * unit, u.y * unit}, point{v.x * unit, v.y * unit}, origin}
}

func (f frame) toPixel(p point) point {
	return point{f.origin.x + p.x*f.u.x + p.y*f.v.x, f.origin.y + p.x*f.u.y + p.y*f.v.y}
}

func (f frame) fromPixel(p point) point {
	x, y := p.x-f.origin.x, p.y-f.origin.y
	det := f.u.x*f.v.y - f.u.y*f.v.x
	return point{(x*f.v.y - y*f.v.x) / det, (y*f.u.x - x*f.u.y) / det}
}

func (f frame) all(points []point) []point {
	out := make([]point, len(points))
	for i, p := range points {
		out[i] = f.toPixel(p)
	}
	return out
}

// box is tight around the outline.
func (o object) box() box {
	points, _ := o.outline()
	low, high := bounds(points)
	return box{x: low.x, y: low.y, w: high.x - low.x, h: high.y - low.y, category: o.class.category}
}

// paint draws the object with colours of its family.
func (o object) paint(canvas *image.RGBA, r *rand.Rand) {
	points, f := o.outline()
	hue := o.class.hue + between(r, -12, 12)
	light := between(r, 0.65, 1)
	first := fromHue(hue, between(r, 0.75, 1), light)
	second := fromHue(hue, between(r, 0.1, 0.3), light)
	if r.IntN(2) == 0 {
		second = fromHue(hue+between(r, -10, 10), between(r, 0.6, 1), 0.35*light)
	}
	scale := between(r, 0.85, 1.2)
	blur := 1.2 / math.Sqrt(math.Abs(f.u.x*f.v.y-f.u.y*f.v.x))
	fill(canvas, points, func(p point) colour {
		return mix(first, second, o.class.texture(f.fromPixel(p), scale, blur))
	})
}

// overlap is the covered share of the smaller box.
func overlap(a, b box) float64 {
	w := min(a.x+a.w, b.x+b.w) - max(a.x, b.x)
	h := min(a.y+a.h, b.y+b.h) - max(a.y, b.y)
	if w <= 0 || h <= 0 {
		return 0
	}
	return w * h / min(a.w*a.h, b.w*b.h)
}

// place finds room for an object of the class, smaller if need be but not below smallest; false if there is
// none.
func (s *scene) place(c class, size, smallest float64, r *rand.Rand) (object, bool) {
	width, height := float64(s.canvas.Rect.Dx()), float64(s.canvas.Rect.Dy())
	for range placements {
		o := object{
			class:  c,
			size:   min(size, min(width, height)-2*margin-1),
			turn:   between(r, -c.tilt, c.tilt),
			aspect: between(r, 0.85, 1.18),
		}
		b := o.box()
		o.centre = point{
			between(r, margin+b.w/2, width-margin-b.w/2),
			between(r, margin+b.h/2, height-margin-b.h/2),
		}
		b = o.box()
		free := true
		for _, other := range s.boxes {
			free = free && overlap(b, other) <= maxOverlap
		}
		if free {
			return o, true
		}
		size = max(0.95*size, smallest*math.Sqrt(width*height))
	}
	return object{}, false
}

// add draws an object of the class where there is room.
func (s *scene) add(c class, smallest float64, r *rand.Rand) {
	width, height := float64(s.canvas.Rect.Dx()), float64(s.canvas.Rect.Dy())
	size := between(r, smallest, maxObject) * math.Sqrt(width*height)
	if o, ok := s.place(c, size, smallest, r); ok {
		o.paint(s.canvas, r)
		s.boxes = append(s.boxes, o.box())
	}
}

// addCrowd draws a group of small objects under one crowd box.
func (s *scene) addCrowd(c class, r *rand.Rand) {
	const side = 3
	width, height := float64(s.canvas.Rect.Dx()), float64(s.canvas.Rect.Dy())
	area, ok := s.place(class{category: c.category, outline: rectangle(1, 1)}, 0.4*math.Sqrt(width*height), minObject, r)
	if !ok {
		return
	}
	around := area.box()
	cell := min(around.w, around.h) / side
	var all []point
	for i := range side * side {
		o := object{
			class:  c,
			centre: point{around.x + (float64(i%side)+0.5)*cell, around.y + (float64(i/side)+0.5)*cell},
			size:   0.95 * cell, turn: between(r, -c.tilt, c.tilt), aspect: 1,
		}
		o.paint(s.canvas, r)
		points, _ := o.outline()
		all = append(all, points...)
	}
	low, high := bounds(all)
	s.boxes = append(s.boxes, box{low.x, low.y, high.x - low.x, high.y - low.y, c.category, true})
}

// role says what is special about an image.
type role struct {
	empty      bool // no object
	grey       bool // saved as a grayscale JPEG
	crowd      bool // one crowd box more
	degenerate bool // one box thinner than 0.1 pixel more
	rare       bool // one object of a rare class more
}

// subjects are what validation images hold.
type subjects struct {
	classes  []class
	smallest float64 // longer side, as minObject
}

func subjectsOf(p Params) subjects {
	if p.Easy {
		return subjects{mainClasses()[:1], minEasy}
	}
	return subjects{mainClasses(), minObject}
}

// drawScene draws an image from its own random numbers.
func drawScene(what role, subjects subjects, r *rand.Rand) scene {
	width, height := 300+4*r.IntN(46), 300+4*r.IntN(16)
	if r.IntN(4) == 0 {
		width, height = height, width
	}
	s := scene{canvas: image.NewRGBA(image.Rect(0, 0, width, height))}
	paintBackground(s.canvas, r)
	paintClutter(s.canvas, r)
	main, rare := subjects.classes, rareClasses()
	if what.crowd {
		s.addCrowd(main[r.IntN(len(main))], r)
	}
	if what.rare {
		s.add(rare[r.IntN(len(rare))], subjects.smallest, r)
	}
	if !what.empty {
		for range 1 + r.IntN(4) {
			s.add(main[r.IntN(len(main))], subjects.smallest, r)
		}
	}
	if what.degenerate {
		s.boxes = append(s.boxes, box{x: 10, y: 20, w: 40, h: 0.05, category: main[0].category})
	}
	return s
}
