// SPDX-FileCopyrightText: The mlperf-ssd authors
// SPDX-License-Identifier: Apache-2.0

package tensorfile

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"unicode/utf8"
)

// metadataKey is the entry of a header that is no tensor.
const metadataKey = "__metadata__"

// maxDims bounds the shape of a tensor.
const maxDims = 32

// parseHeader reads the JSON of a header whose data are dataSize bytes.
func parseHeader(text []byte, dataSize int64) (map[string]Tensor, map[string]string, error) {
	if !utf8.Valid(text) {
		return nil, nil, errors.New("the header is no UTF-8 text")
	}
	p := &parser{json.NewDecoder(bytes.NewReader(text))}
	p.UseNumber()
	tensors := map[string]Tensor{}
	metadata := map[string]string{}
	err := p.object(func(name string) (err error) {
		if name == metadataKey {
			return p.object(func(key string) (err error) {
				metadata[key], err = p.text()
				return err
			})
		}
		t, err := p.tensor(name)
		if err != nil {
			return fmt.Errorf("tensor %s: %w", name, err)
		}
		tensors[name] = t
		return nil
	})
	if err != nil {
		return nil, nil, err
	}
	if _, err := p.Token(); !errors.Is(err, io.EOF) {
		return nil, nil, errors.New("header: text after the closing brace")
	}
	return tensors, metadata, checkLayout(tensors, dataSize)
}

// checkLayout refuses tensors outside the data, overlapping ones, and bytes that no tensor owns.
func checkLayout(tensors map[string]Tensor, dataSize int64) error {
	sorted := make([]Tensor, 0, len(tensors))
	for _, t := range tensors {
		sorted = append(sorted, t)
	}
	slices.SortFunc(sorted, func(a, b Tensor) int {
		return cmp.Or(cmp.Compare(a.begin, b.begin), cmp.Compare(a.end, b.end), cmp.Compare(a.Name, b.Name))
	})
	var end int64
	for i, t := range sorted {
		switch {
		case t.end > dataSize:
			return fmt.Errorf("tensor %s: data_offsets [%d, %d] lie outside the %d bytes of data (truncated?)",
				t.Name, t.begin, t.end, dataSize)
		case t.begin < end:
			return fmt.Errorf("tensor %s: its bytes overlap those of %s", t.Name, sorted[i-1].Name)
		case t.begin > end:
			return fmt.Errorf("tensor %s: bytes %d to %d before it belong to no tensor", t.Name, end, t.begin)
		}
		end = t.end
	}
	if end != dataSize {
		return fmt.Errorf("the last %d bytes belong to no tensor", dataSize-end)
	}
	return nil
}

type parser struct{ *json.Decoder }

func (p *parser) delim(want json.Delim) error {
	token, err := p.Token()
	if err != nil {
		return p.wrap(err)
	}
	if token != want {
		return fmt.Errorf("header: %v stands where %v must (byte %d)", token, want, p.InputOffset())
	}
	return nil
}

func (p *parser) wrap(err error) error {
	if errors.Is(err, io.EOF) {
		err = io.ErrUnexpectedEOF
	}
	return fmt.Errorf("header: byte %d: %w", p.InputOffset(), err)
}

// object reads an object; value must read what follows each key.
func (p *parser) object(value func(key string) error) error {
	if err := p.delim('{'); err != nil {
		return err
	}
	seen := map[string]bool{}
	for p.More() {
		token, err := p.Token()
		if err != nil {
			return p.wrap(err)
		}
		key, ok := token.(string)
		if !ok {
			return fmt.Errorf("header: key %v is no text", token)
		}
		if seen[key] {
			return fmt.Errorf("header: %q stands twice (byte %d)", key, p.InputOffset())
		}
		seen[key] = true
		if err := value(key); err != nil {
			return err
		}
	}
	return p.delim('}')
}

func (p *parser) text() (string, error) {
	token, err := p.Token()
	if err != nil {
		return "", p.wrap(err)
	}
	text, ok := token.(string)
	if !ok {
		return "", fmt.Errorf("header: %v is no text (byte %d)", token, p.InputOffset())
	}
	return text, nil
}

// integers reads an array of at most limit numbers from 0.
func (p *parser) integers(limit int) ([]int64, error) {
	if err := p.delim('['); err != nil {
		return nil, err
	}
	values := []int64{}
	for p.More() {
		token, err := p.Token()
		if err != nil {
			return nil, p.wrap(err)
		}
		number, ok := token.(json.Number)
		if !ok {
			return nil, fmt.Errorf("header: %v is no number (byte %d)", token, p.InputOffset())
		}
		value, err := strconv.ParseInt(number.String(), 10, 64)
		if err != nil || value < 0 {
			return nil, fmt.Errorf("header: %s is no count (byte %d)", number, p.InputOffset())
		}
		if len(values) == limit {
			return nil, fmt.Errorf("header: more than %d numbers (byte %d)", limit, p.InputOffset())
		}
		values = append(values, value)
	}
	return values, p.delim(']')
}

func (p *parser) tensor(name string) (Tensor, error) {
	t := Tensor{Name: name}
	var offsets []int64
	err := p.object(func(key string) (err error) {
		switch key {
		case "dtype":
			var text string
			text, err = p.text()
			t.DType = DType(text)
		case "shape":
			t.Shape, err = p.integers(maxDims)
		case "data_offsets":
			offsets, err = p.integers(2)
		default:
			err = fmt.Errorf("unknown key %q", key)
		}
		return err
	})
	switch {
	case err != nil:
		return t, err
	case t.DType == "" || t.Shape == nil || len(offsets) != 2:
		return t, errors.New("dtype, shape or data_offsets is missing or short")
	}
	t.begin, t.end = offsets[0], offsets[1]
	size, err := bytesOf(t.DType, t.Shape)
	switch {
	case err != nil:
		return t, err
	case t.begin > t.end:
		return t, fmt.Errorf("data_offsets %v end before they begin", offsets)
	case size != t.end-t.begin:
		return t, fmt.Errorf("%s %v takes %d bytes, but data_offsets %v hold %d", t.DType, t.Shape, size, offsets, t.end-t.begin)
	}
	return t, nil
}
