// SPDX-FileCopyrightText: The mlperf-ssd authors
// SPDX-License-Identifier: Apache-2.0

package torchfile

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
)

// Bounds of what a pickle may ask for; the files of the spec stay far below.
const (
	maxPickle = 64 << 20 // bytes
	maxText   = 1 << 16  // bytes of a text or a global's name
	maxStack  = 1 << 18  // values
	maxMemo   = 1 << 18  // values
	maxPushed = 1 << 19  // values ever pushed or copied: an empty dict takes one byte of the file and fifty times that here
)

// Values of the machine are nil, bool, int64, string, and these. They are data: no value has a
// behaviour of its own.
type (
	tuple []any
	list  struct{ items []any }
	// dict keeps the order of its keys, which are text or numbers.
	dict struct {
		keys   []any
		values map[any]any
	}
	global struct{ module, name string }
	mark   struct{}
)

func newDict() *dict { return &dict{values: map[any]any{}} }

func (d *dict) set(key, value any) error {
	switch key.(type) {
	case string, int64, bool:
	default:
		return fmt.Errorf("a dict's key is a %s", kindOf(key))
	}
	if _, ok := d.values[key]; ok {
		return fmt.Errorf("the dict's key %#v stands twice", key)
	}
	d.keys = append(d.keys, key)
	d.values[key] = value
	return nil
}

func kindOf(value any) string {
	switch value.(type) {
	case nil:
		return "None"
	case bool:
		return "bool"
	case int64:
		return "number"
	case string:
		return "text"
	case tuple:
		return "tuple"
	case *list:
		return "list"
	case *dict:
		return "dict"
	case global:
		return "global"
	case mark:
		return "mark"
	case *storage:
		return "storage"
	case *Tensor:
		return "tensor"
	default:
		return fmt.Sprintf("%T", value)
	}
}

// machine runs the opcodes of spec section 15 and no other, and knows its globals and no other.
type machine struct {
	reader   *bufio.Reader
	offset   int64 // in the file, of the next byte
	left     int64 // bytes that the pickle may still take
	stack    []any
	pushed   int
	memo     map[uint32]any
	storages *storageTable
}

// newMachine reads pickles that stand one after the other from offset on, within size bytes.
func newMachine(source io.ReaderAt, offset, size int64) *machine {
	return &machine{
		reader:   bufio.NewReader(io.NewSectionReader(source, offset, size)),
		offset:   offset,
		storages: &storageTable{byKey: map[string]*storage{}},
	}
}

// load reads one pickle. Errors name the place in the file.
func (m *machine) load() (any, error) {
	m.left = maxPickle
	m.stack, m.memo, m.pushed = nil, map[uint32]any{}, 0
	for {
		at := m.offset
		code, err := m.byte()
		if err == nil && opcode(code) == opStop {
			var value any
			if value, err = m.pop(); err == nil && len(m.stack) != 0 {
				err = fmt.Errorf("%d values are left over", len(m.stack))
			}
			if err == nil {
				return value, nil
			}
		}
		if err == nil {
			err = m.step(opcode(code))
		}
		if err != nil {
			if errors.Is(err, io.EOF) {
				err = io.ErrUnexpectedEOF
			}
			return nil, fmt.Errorf("byte %d: pickle: %w", at, err)
		}
	}
}

func (m *machine) bytes(n int64) ([]byte, error) {
	if n > m.left {
		return nil, fmt.Errorf("longer than %d bytes", maxPickle)
	}
	b := make([]byte, n)
	read, err := io.ReadFull(m.reader, b)
	m.offset += int64(read)
	m.left -= int64(read)
	return b, err
}

func (m *machine) byte() (byte, error) {
	b, err := m.bytes(1)
	if err != nil {
		return 0, err
	}
	return b[0], nil
}

// number reads an unsigned little-endian number of n bytes.
func (m *machine) number(n int64) (uint32, error) {
	b, err := m.bytes(n)
	if err != nil {
		return 0, err
	}
	var wide [4]byte
	copy(wide[:], b)
	return binary.LittleEndian.Uint32(wide[:]), nil
}

// text reads a text whose length stands before it in n bytes.
func (m *machine) text(n int64) (string, error) {
	length, err := m.number(n)
	if err != nil {
		return "", err
	}
	if length > maxText {
		return "", fmt.Errorf("a text of %d bytes: more than %d are refused", length, maxText)
	}
	b, err := m.bytes(int64(length))
	return string(b), err
}

func (m *machine) line() (string, error) {
	var b []byte
	for {
		c, err := m.byte()
		if err != nil {
			return "", err
		}
		if c == '\n' {
			return string(b), nil
		}
		if b = append(b, c); len(b) > maxText {
			return "", fmt.Errorf("a name of more than %d bytes", maxText)
		}
	}
}

func (m *machine) push(value any) error {
	if len(m.stack) == maxStack {
		return fmt.Errorf("more than %d values on the stack", maxStack)
	}
	if err := m.spend(1); err != nil {
		return err
	}
	m.stack = append(m.stack, value)
	return nil
}

// spend counts values against the bound of the pickle.
func (m *machine) spend(values int) error {
	if values > maxPushed-m.pushed {
		return fmt.Errorf("more than %d values", maxPushed)
	}
	m.pushed += values
	return nil
}

// pop takes the top value, which must not be a mark.
func (m *machine) pop() (any, error) {
	if len(m.stack) == 0 {
		return nil, errors.New("the stack is empty")
	}
	top := m.stack[len(m.stack)-1]
	if _, isMark := top.(mark); isMark {
		return nil, errors.New("a mark stands where a value must")
	}
	m.stack = m.stack[:len(m.stack)-1]
	return top, nil
}

// popTuple takes the top n values as a tuple.
func (m *machine) popTuple(n int) (tuple, error) {
	values := make(tuple, n)
	for i := n - 1; i >= 0; i-- {
		var err error
		if values[i], err = m.pop(); err != nil {
			return nil, err
		}
	}
	return values, nil
}

// popMark takes all values above the last mark, and the mark.
func (m *machine) popMark() (tuple, error) {
	for i := len(m.stack) - 1; i >= 0; i-- {
		if _, isMark := m.stack[i].(mark); isMark {
			values := append(tuple{}, m.stack[i+1:]...)
			m.stack = m.stack[:i]
			return values, nil
		}
	}
	return nil, errors.New("there is no mark")
}

// top is the value that stays on the stack.
func (m *machine) top() (any, error) {
	value, err := m.pop()
	if err == nil {
		m.stack = append(m.stack, value)
	}
	return value, err
}

func (m *machine) put(index uint32) error {
	value, err := m.top()
	if err != nil {
		return err
	}
	if len(m.memo) == maxMemo {
		return fmt.Errorf("more than %d values in the memo", maxMemo)
	}
	m.memo[index] = value
	return nil
}

func (m *machine) get(index uint32) error {
	value, ok := m.memo[index]
	if !ok {
		return fmt.Errorf("nothing at %d in the memo", index)
	}
	return m.push(value)
}
