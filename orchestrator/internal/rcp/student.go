// SPDX-FileCopyrightText: The mlperf-ssd authors
// SPDX-License-Identifier: Apache-2.0

package rcp

import "math"

// within is the probability that |T| <= t for Student's t with a whole number of degrees of freedom: the
// finite series in theta = atan(t / sqrt(df)).
func within(t float64, df int) float64 {
	theta := math.Atan(t / math.Sqrt(float64(df)))
	sin, cos := math.Sincos(theta)
	term, first := 1.0, 2
	if df%2 == 1 {
		term, first = cos, 3
	}
	sum := 0.0
	if df > 1 {
		sum = term
		for k := first; k <= df-2; k += 2 {
			term *= float64(k-1) / float64(k) * cos * cos
			sum += term
		}
	}
	if df%2 == 1 {
		return 2 / math.Pi * (theta + sin*sum)
	}
	return sin * sum
}

// studentQuantile is the t that T stays below with probability 0.5 < p < 1.
func studentQuantile(p float64, df int) float64 {
	low, high := 0.0, 1.0
	for within(high, df) < 2*p-1 {
		low, high = high, 2*high
	}
	for {
		middle := low + (high-low)/2
		if middle <= low || middle >= high {
			return middle
		}
		if within(middle, df) < 2*p-1 {
			low = middle
		} else {
			high = middle
		}
	}
}
