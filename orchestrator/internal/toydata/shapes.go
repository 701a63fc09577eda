// SPDX-FileCopyrightText: The mlperf-ssd authors
// SPDX-License-Identifier: Apache-2.0

package toydata

import "math"

// point is a place in pixels, or in the frame of an object where its outline reaches from -1 to 1.
type point struct{ x, y float64 }

// class says how the objects of a category are drawn.
type class struct {
	category int
	outline  []point // in the object's frame
	tilt     float64 // it is turned by at most this, radians
	hue      float64 // of its colour family, degrees
	texture  texture
}

// mainClasses are the classes of validation images: each has its own shape, colour family and texture.
func mainClasses() []class {
	return []class{
		{category: 37, outline: ellipse(1, 1), tilt: math.Pi, hue: 5, texture: rings},     // sports ball
		{category: 33, outline: rectangle(1, 1), tilt: 0.35, hue: 220, texture: checkers}, // suitcase
		{category: 38, outline: regular(3), tilt: 0.45, hue: 130, texture: stripes},       // kite
		{category: 5, outline: cross(0.36), tilt: 0.35, hue: 52, texture: dots},           // airplane
	}
}

// rareClasses appear now and then in training images and never in validation images.
func rareClasses() []class {
	return []class{
		{category: 13, outline: regular(8), tilt: 0.1, hue: 350, texture: border},             // stop sign
		{category: 10, outline: rectangle(0.45, 1), tilt: 0.1, hue: 60, texture: lamps},       // traffic light
		{category: 42, outline: ellipse(0.35, 1), tilt: 0.6, hue: 185, texture: border},       // surfboard
		{category: 64, outline: star(5, 0.45), tilt: math.Pi, hue: 290, texture: stripes},     // potted plant
		{category: 85, outline: ellipse(1, 1), tilt: 0.1, hue: 30, texture: border},           // clock
		{category: 84, outline: rectangle(1, 0.7), tilt: math.Pi / 2, hue: 20, texture: dots}, // book
	}
}

func ellipse(rx, ry float64) []point {
	const corners = 72
	points := make([]point, corners)
	for i := range points {
		sin, cos := math.Sincos(2 * math.Pi * float64(i) / corners)
		points[i] = point{rx * cos, ry * sin}
	}
	return points
}

func rectangle(rx, ry float64) []point {
	return []point{{-rx, -ry}, {rx, -ry}, {rx, ry}, {-rx, ry}}
}

// regular is a regular polygon with a flat base.
func regular(corners int) []point {
	points := make([]point, corners)
	for i := range points {
		sin, cos := math.Sincos(math.Pi/2 + math.Pi*float64(2*i+1)/float64(corners))
		points[i] = point{cos, sin}
	}
	return points
}

// star has that many tips; its inner corners are at radius inner.
func star(tips int, inner float64) []point {
	points := make([]point, 2*tips)
	for i := range points {
		radius := 1.0
		if i%2 == 1 {
			radius = inner
		}
		sin, cos := math.Sincos(math.Pi * (float64(i)/float64(tips) - 0.5))
		points[i] = point{radius * cos, radius * sin}
	}
	return points
}

// cross has two beams of half-width half.
func cross(half float64) []point {
	return []point{
		{-half, -1}, {half, -1}, {half, -half}, {1, -half}, {1, half}, {half, half},
		{half, 1}, {-half, 1}, {-half, half}, {-1, half}, {-1, -half}, {-half, -half},
	}
}
