// SPDX-FileCopyrightText: The mlperf-ssd authors
// SPDX-License-Identifier: Apache-2.0

package toydata

import "math"

// texture is the share, 0 to 1, of an object's second colour at a place of its frame. scale varies the
// grain, about 1; blur is the size of a pixel in the frame.
type texture func(p point, scale, blur float64) float64

// step is 0 where distance is well below zero and 1 well above.
func step(distance, blur float64) float64 { return min(1, max(0, distance/blur+0.5)) }

// wave alternates between -period/4 and period/4: the signed distance to the nearest band edge.
func wave(v, period float64) float64 {
	v = math.Abs(math.Mod(v, period))
	return period/4 - math.Abs(v-period/2)
}

func rings(p point, scale, blur float64) float64 {
	return step(wave(math.Hypot(p.x, p.y), 0.5*scale), blur)
}

func checkers(p point, scale, blur float64) float64 {
	period := scale
	a := step(wave(p.x+8*period, period), blur)
	b := step(wave(p.y+8*period, period), blur)
	return a + b - 2*a*b
}

func stripes(p point, scale, blur float64) float64 {
	return step(wave(p.y+8, 0.45*scale), blur)
}

func dots(p point, scale, blur float64) float64 {
	pitch := 0.36 * scale
	x := p.x - pitch*math.Round(p.x/pitch)
	y := p.y - pitch*math.Round(p.y/pitch)
	return step(0.3*pitch-math.Hypot(x, y), blur)
}

// border is a plain face with a rim that is centred in the frame.
func border(p point, scale, blur float64) float64 {
	return step(0.3*scale-math.Max(math.Abs(p.x), math.Abs(p.y)), blur)
}

// lamps are three discs, one above the other.
func lamps(p point, scale, blur float64) float64 {
	y := p.y - 0.62*min(1, max(-1, math.Round(p.y/0.62)))
	return step(0.26*scale-math.Hypot(p.x, y), blur)
}
