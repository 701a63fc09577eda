// SPDX-FileCopyrightText: The mlperf-ssd authors
// SPDX-License-Identifier: Apache-2.0

package tensorfile

import (
	"bytes"
	"cmp"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"slices"
	"unicode/utf8"

	"mlperf-ssd/orchestrator/internal/atomicfile"
)

// dataAlignment is where the data of a written file start.
const dataAlignment = 64

// Item is a tensor to write; Data is little-endian and row-major.
type Item struct {
	Name  string
	DType DType
	Shape []int64
	Data  []byte
}

// FromFloat32s makes an item of type F32.
func FromFloat32s(name string, shape []int64, values []float32) Item {
	data := make([]byte, 0, 4*len(values))
	for _, v := range values {
		data = binary.LittleEndian.AppendUint32(data, math.Float32bits(v))
	}
	return Item{name, F32, shape, data}
}

// Write writes a file atomically: path holds all or what it held before.
func Write(path string, items []Item, metadata map[string]string) error {
	return atomicfile.Write(path, func(w io.Writer) error { return Encode(w, items, metadata) })
}

// Encode writes what a file holds. The bytes depend only on the tensors and the metadata, not on their
// order.
func Encode(w io.Writer, items []Item, metadata map[string]string) error {
	items = slices.Clone(items)
	slices.SortFunc(items, func(a, b Item) int { return cmp.Compare(a.Name, b.Name) })
	header, err := makeHeader(items, metadata)
	if err != nil {
		return fmt.Errorf("safetensors: %w", err)
	}
	if err := binary.Write(w, binary.LittleEndian, uint64(len(header))); err != nil {
		return err
	}
	if _, err := w.Write(header); err != nil {
		return err
	}
	for _, item := range items {
		if _, err := w.Write(item.Data); err != nil {
			return err
		}
	}
	return nil
}

func makeHeader(items []Item, metadata map[string]string) ([]byte, error) {
	var b bytes.Buffer
	field := func(key string, value any) error {
		if !utf8.ValidString(key) {
			return fmt.Errorf("name %q is no UTF-8 text", key)
		}
		name, err := json.Marshal(key)
		if err != nil {
			return err
		}
		text, err := json.Marshal(value)
		if err != nil {
			return err
		}
		if b.Len() > 1 {
			b.WriteByte(',')
		}
		fmt.Fprintf(&b, "%s:%s", name, text)
		return nil
	}
	b.WriteByte('{')
	if len(metadata) > 0 {
		if err := field(metadataKey, metadata); err != nil {
			return nil, err
		}
	}
	var offset int64
	for i, item := range items {
		size, err := bytesOf(item.DType, item.Shape)
		switch {
		case err != nil:
		case item.Name == metadataKey:
			err = errors.New("the name is reserved")
		case i > 0 && items[i-1].Name == item.Name:
			err = errors.New("stands twice")
		case size != int64(len(item.Data)):
			err = fmt.Errorf("%s %v takes %d bytes, %d given", item.DType, item.Shape, size, len(item.Data))
		default:
			err = field(item.Name, struct {
				DType   DType    `json:"dtype"`
				Shape   []int64  `json:"shape"`
				Offsets [2]int64 `json:"data_offsets"`
			}{item.DType, append([]int64{}, item.Shape...), [2]int64{offset, offset + size}})
		}
		if err != nil {
			return nil, fmt.Errorf("tensor %s: %w", item.Name, err)
		}
		offset += size
	}
	b.WriteByte('}')
	for (b.Len()+8)%dataAlignment != 0 {
		b.WriteByte(' ')
	}
	return b.Bytes(), nil
}
