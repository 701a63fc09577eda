// SPDX-FileCopyrightText: The mlperf-ssd authors
// SPDX-License-Identifier: Apache-2.0

package tensorfile

import (
	"fmt"
	"math"
)

// DType is an element type as the header spells it.
type DType string

// Element types.
const (
	F64  DType = "F64"
	F32  DType = "F32"
	F16  DType = "F16"
	BF16 DType = "BF16"
	I64  DType = "I64"
	I32  DType = "I32"
	I16  DType = "I16"
	I8   DType = "I8"
	U64  DType = "U64"
	U32  DType = "U32"
	U16  DType = "U16"
	U8   DType = "U8"
	Bool DType = "BOOL"
)

// Size is the bytes of an element, 0 for an unknown type.
func (d DType) Size() int64 {
	switch d {
	case F64, I64, U64:
		return 8
	case F32, I32, U32:
		return 4
	case F16, BF16, I16, U16:
		return 2
	case I8, U8, Bool:
		return 1
	default:
		return 0
	}
}

// bytesOf is the size of a tensor; an error for an unknown type, a negative extent or overflow.
func bytesOf(dtype DType, shape []int64) (int64, error) {
	size := dtype.Size()
	if size == 0 {
		return 0, fmt.Errorf("unknown dtype %q", string(dtype))
	}
	empty := false
	for _, extent := range shape {
		if extent < 0 {
			return 0, fmt.Errorf("shape %v has a negative extent", shape)
		}
		empty = empty || extent == 0
	}
	if empty {
		return 0, nil
	}
	for _, extent := range shape {
		if size > math.MaxInt64/extent {
			return 0, fmt.Errorf("shape %v is larger than any file", shape)
		}
		size *= extent
	}
	return size, nil
}
