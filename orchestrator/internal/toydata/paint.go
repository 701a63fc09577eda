// SPDX-FileCopyrightText: The mlperf-ssd authors
// SPDX-License-Identifier: Apache-2.0

package toydata

import (
	"image"
	"image/draw"
	"math"
	"math/rand/v2"

	"golang.org/x/image/vector"
)

// colour has its parts in 0 to 1.
type colour [3]float64

// fromHue is the colour of that hue (degrees), saturation and value.
func fromHue(hue, saturation, value float64) colour {
	var c colour
	for i := range c {
		// The distance on the circle to the hue of this part: 0, 120, 240 degrees.
		k := math.Mod(hue-float64(120*i)+720, 360)
		k = min(k, 360-k)
		full := min(1, max(0, 2-k/60))
		c[i] = value * (1 - saturation*(1-full))
	}
	return c
}

func mix(a, b colour, share float64) colour {
	for i := range a {
		a[i] += share * (b[i] - a[i])
	}
	return a
}

func toByte(v float64) uint8 { return uint8(min(255, max(0, 255*v+0.5))) }

// between is uniform in [low, high).
func between(r *rand.Rand, low, high float64) float64 { return low + (high-low)*r.Float64() }

// paintBackground fills the canvas with a gradient between two dull colours, blotches and grain.
func paintBackground(canvas *image.RGBA, r *rand.Rand) {
	dull := func() colour { return fromHue(between(r, 0, 360), between(r, 0, 0.3), between(r, 0.2, 0.85)) }
	from, to := dull(), dull()
	size := canvas.Rect.Size()
	sin, cos := math.Sincos(between(r, 0, 2*math.Pi))
	blotches := newNoise(r, 4+r.IntN(6))
	strength, grain := between(r, 0, 0.25), between(r, 0.01, 0.08)
	for y := range size.Y {
		v := float64(y) / float64(size.Y)
		for x := range size.X {
			u := float64(x) / float64(size.X)
			c := mix(from, to, min(1, max(0, 0.5+(u-0.5)*cos+(v-0.5)*sin)))
			light := strength*blotches.at(u, v) + grain*(r.Float64()+r.Float64()-1)
			at := canvas.Pix[canvas.PixOffset(x, y):]
			at[0], at[1], at[2], at[3] = toByte(c[0]+light), toByte(c[1]+light), toByte(c[2]+light), 255
		}
	}
}

// paintClutter draws a few thin grey strokes that belong to no class.
func paintClutter(canvas *image.RGBA, r *rand.Rand) {
	size := canvas.Rect.Size()
	for range r.IntN(5) {
		a := point{between(r, 0, float64(size.X)), between(r, 0, float64(size.Y))}
		sin, cos := math.Sincos(between(r, 0, 2*math.Pi))
		length, half := between(r, 40, 200), between(r, 0.5, 2)
		b := point{a.x + length*cos, a.y + length*sin}
		across := point{-half * sin, half * cos}
		grey := between(r, 0.1, 0.9)
		fill(canvas, []point{
			{a.x + across.x, a.y + across.y},
			{b.x + across.x, b.y + across.y},
			{b.x - across.x, b.y - across.y},
			{a.x - across.x, a.y - across.y},
		}, func(point) colour { return colour{grey, grey, grey} })
	}
}

// fill blends paint, a function of the pixel's centre, into the inside of the outline.
func fill(canvas *image.RGBA, outline []point, paint func(point) colour) {
	low, high := bounds(outline)
	area := image.Rect(int(math.Floor(low.x)), int(math.Floor(low.y)),
		int(math.Ceil(high.x)), int(math.Ceil(high.y)))
	if area.Empty() {
		return
	}
	raster := vector.NewRasterizer(area.Dx(), area.Dy())
	for i, p := range outline {
		x, y := float32(p.x-float64(area.Min.X)), float32(p.y-float64(area.Min.Y))
		if i == 0 {
			raster.MoveTo(x, y)
		} else {
			raster.LineTo(x, y)
		}
	}
	raster.ClosePath()
	mask := image.NewAlpha(image.Rect(0, 0, area.Dx(), area.Dy()))
	raster.DrawOp = draw.Src
	raster.Draw(mask, mask.Rect, image.Opaque, image.Point{})
	visible := area.Intersect(canvas.Rect)
	for y := visible.Min.Y; y < visible.Max.Y; y++ {
		for x := visible.Min.X; x < visible.Max.X; x++ {
			cover := mask.AlphaAt(x-area.Min.X, y-area.Min.Y).A
			if cover == 0 {
				continue
			}
			c := paint(point{float64(x) + 0.5, float64(y) + 0.5})
			at := canvas.Pix[canvas.PixOffset(x, y):]
			for i := range c {
				was := float64(at[i]) / 255
				at[i] = toByte(was + float64(cover)/255*(c[i]-was))
			}
		}
	}
}

// bounds are the least and the greatest coordinates.
func bounds(points []point) (low, high point) {
	low, high = points[0], points[0]
	for _, p := range points[1:] {
		low.x, low.y = min(low.x, p.x), min(low.y, p.y)
		high.x, high.y = max(high.x, p.x), max(high.y, p.y)
	}
	return low, high
}

// noise is smooth, in -1 to 1: random values on a grid, interpolated.
type noise struct {
	side   int
	values []float64
}

func newNoise(r *rand.Rand, side int) noise {
	n := noise{side, make([]float64, (side+1)*(side+1))}
	for i := range n.values {
		n.values[i] = between(r, -1, 1)
	}
	return n
}

// at takes coordinates in [0, 1).
func (n noise) at(u, v float64) float64 {
	x, y := u*float64(n.side), v*float64(n.side)
	i, j := int(x), int(y)
	fx, fy := x-float64(i), y-float64(j)
	row := n.values[j*(n.side+1)+i:]
	next := n.values[(j+1)*(n.side+1)+i:]
	return (row[0]*(1-fx)+row[1]*fx)*(1-fy) + (next[0]*(1-fx)+next[1]*fx)*fy
}
