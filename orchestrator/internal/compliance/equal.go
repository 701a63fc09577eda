// SPDX-FileCopyrightText: The mlperf-ssd authors
// SPDX-License-Identifier: Apache-2.0

package compliance

import (
	"bytes"
	"math"
	"math/big"
)

// equal says whether Python takes two values for equal: 1, 1.0 and true are, members of objects in any
// order are, and NaN is as it is one object there.
func equal(a, b Raw) bool {
	if bytes.Equal(a, b) {
		return true
	}
	if len(a) == 0 || len(b) == 0 {
		return false
	}
	if x, ok := a.Number(); ok {
		y, ok := b.Number()
		return ok && equalNumbers(a, b, x, y)
	}
	if a[0] != b[0] {
		return false
	}
	switch a[0] {
	case '"':
		return unquote(latin1(a)) == unquote(latin1(b))
	case '[':
		x, _ := a.Elements()
		y, _ := b.Elements()
		if len(x) != len(y) {
			return false
		}
		for i := range x {
			if !equal(x[i], y[i]) {
				return false
			}
		}
		return true
	case '{':
		x, y := members(a), members(b)
		for name, value := range x {
			other, found := y[name]
			if !found || !equal(value, other) {
				return false
			}
		}
		return len(x) == len(y)
	}
	return false // null is equal to null alone
}

func equalNumbers(a, b Raw, x, y float64) bool {
	exactA, intA := a.exactInt()
	exactB, intB := b.exactInt()
	switch {
	case intA && intB:
		return exactA.Cmp(exactB) == 0
	case intA && !math.IsNaN(y) && !math.IsInf(y, 0):
		return new(big.Float).SetInt(exactA).Cmp(big.NewFloat(y)) == 0
	case intB && !math.IsNaN(x) && !math.IsInf(x, 0):
		return new(big.Float).SetInt(exactB).Cmp(big.NewFloat(x)) == 0
	}
	return x == y && !intA && !intB || math.IsNaN(x) && math.IsNaN(y)
}

func members(r Raw) map[string]Raw {
	out := map[string]Raw{}
	s := scanner{text: r}
	s.object(func(key, value Raw) { out[unquote(latin1(key))] = value })
	return out
}
