// SPDX-FileCopyrightText: The mlperf-ssd authors
// SPDX-License-Identifier: Apache-2.0

package torchfile

import (
	"errors"
	"fmt"
)

// opcode is an instruction of a pickle.
type opcode byte

// The opcodes of spec section 15.
const (
	opProto          opcode = 0x80
	opGlobal         opcode = 'c'
	opEmptyDict      opcode = '}'
	opEmptyList      opcode = ']'
	opEmptyTuple     opcode = ')'
	opMark           opcode = '('
	opBinUnicode     opcode = 'X'
	opBinPut         opcode = 'q'
	opLongBinPut     opcode = 'r'
	opBinGet         opcode = 'h'
	opLongBinGet     opcode = 'j'
	opBinInt         opcode = 'J'
	opBinInt1        opcode = 'K'
	opBinInt2        opcode = 'M'
	opLong1          opcode = 0x8a
	opNone           opcode = 'N'
	opNewTrue        opcode = 0x88
	opNewFalse       opcode = 0x89
	opTuple          opcode = 't'
	opTuple1         opcode = 0x85
	opTuple2         opcode = 0x86
	opTuple3         opcode = 0x87
	opReduce         opcode = 'R'
	opBuild          opcode = 'b'
	opSetItem        opcode = 's'
	opSetItems       opcode = 'u'
	opAppend         opcode = 'a'
	opAppends        opcode = 'e'
	opBinPersID      opcode = 'Q'
	opStop           opcode = '.'
	opShortBinString opcode = 'U'
	opBinString      opcode = 'T'
	opNewObj         opcode = 0x81
)

// step runs one instruction other than STOP.
func (m *machine) step(code opcode) error {
	switch code {
	case opProto:
		return m.proto()
	case opEmptyDict:
		return m.push(newDict())
	case opEmptyList:
		return m.push(&list{})
	case opEmptyTuple:
		return m.push(tuple{})
	case opMark:
		return m.push(mark{})
	case opNone:
		return m.push(nil)
	case opNewTrue:
		return m.push(true)
	case opNewFalse:
		return m.push(false)
	case opBinUnicode, opBinString:
		return m.pushText(4)
	case opShortBinString:
		return m.pushText(1)
	case opBinInt1:
		return m.pushNumber(1)
	case opBinInt2:
		return m.pushNumber(2)
	case opBinInt:
		n, err := m.number(4)
		if err != nil {
			return err
		}
		return m.push(int64(int32(n)))
	case opLong1:
		return m.long()
	case opBinPut, opLongBinPut, opBinGet, opLongBinGet:
		return m.memoStep(code)
	case opTuple, opTuple1, opTuple2, opTuple3:
		return m.tuple(code)
	case opSetItem, opSetItems, opAppend, opAppends:
		return m.fill(code)
	case opGlobal, opReduce, opNewObj, opBuild, opBinPersID:
		return m.object(code)
	default:
		return fmt.Errorf("opcode %s is refused: only tensors are read", code)
	}
}

func (m *machine) proto() error {
	version, err := m.byte()
	if err == nil && version != 2 {
		err = fmt.Errorf("protocol %d is refused: torch.save writes 2 unless told otherwise", version)
	}
	return err
}

func (m *machine) pushText(n int64) error {
	text, err := m.text(n)
	if err != nil {
		return err
	}
	return m.push(text)
}

func (m *machine) pushNumber(n int64) error {
	value, err := m.number(n)
	if err != nil {
		return err
	}
	return m.push(int64(value))
}

// long reads a signed number of up to 8 bytes.
func (m *machine) long() error {
	length, err := m.byte()
	if err != nil {
		return err
	}
	if length > 8 {
		return fmt.Errorf("a number of %d bytes", length)
	}
	b, err := m.bytes(int64(length))
	if err != nil {
		return err
	}
	var value int64
	if length > 0 && b[length-1]&0x80 != 0 {
		value = -1
	}
	for i := len(b) - 1; i >= 0; i-- {
		value = value<<8 | int64(b[i])
	}
	return m.push(value)
}

func (m *machine) memoStep(code opcode) error {
	width := int64(1)
	if code == opLongBinPut || code == opLongBinGet {
		width = 4
	}
	index, err := m.number(width)
	if err != nil {
		return err
	}
	if code == opBinPut || code == opLongBinPut {
		return m.put(index)
	}
	return m.get(index)
}

func (m *machine) tuple(code opcode) error {
	var values tuple
	var err error
	if code == opTuple {
		values, err = m.popMark()
	} else {
		values, err = m.popTuple(int(code - opTuple1 + 1))
	}
	if err != nil {
		return err
	}
	return m.push(values)
}

// fill adds items to the list or dict below them.
func (m *machine) fill(code opcode) error {
	var items tuple
	var err error
	switch code {
	case opSetItem:
		items, err = m.popTuple(2)
	case opAppend:
		items, err = m.popTuple(1)
	default:
		items, err = m.popMark()
	}
	if err != nil {
		return err
	}
	into, err := m.top()
	if err != nil {
		return err
	}
	switch into := into.(type) {
	case *list:
		if code != opAppend && code != opAppends {
			return errors.New("a list gets pairs")
		}
		into.items = append(into.items, items...)
		return nil
	case *dict:
		if (code != opSetItem && code != opSetItems) || len(items)%2 != 0 {
			return errors.New("a dict gets no pairs")
		}
		for i := 0; i < len(items); i += 2 {
			if err := into.set(items[i], items[i+1]); err != nil {
				return err
			}
		}
		return nil
	default:
		return fmt.Errorf("items for a %s", kindOf(into))
	}
}

// String names an opcode, refused ones included.
func (o opcode) String() string {
	names := map[opcode]string{
		'0': "POP", '1': "POP_MARK", '2': "DUP", 'F': "FLOAT", 'G': "BINFLOAT", 'I': "INT", 'L': "LONG",
		'P': "PERSID", 'S': "STRING", 'V': "UNICODE", 'd': "DICT", 'l': "LIST", 'i': "INST", 'o': "OBJ",
		'g': "GET", 'p': "PUT", 'B': "BINBYTES", 'C': "SHORT_BINBYTES",
		0x82: "EXT1", 0x83: "EXT2", 0x84: "EXT4", 0x8b: "LONG4", 0x8c: "SHORT_BINUNICODE",
		0x8d: "BINUNICODE8", 0x8e: "BINBYTES8", 0x8f: "EMPTY_SET", 0x90: "ADDITEMS", 0x91: "FROZENSET",
		0x92: "NEWOBJ_EX", 0x93: "STACK_GLOBAL", 0x94: "MEMOIZE", 0x95: "FRAME", 0x96: "BYTEARRAY8",
		0x97: "NEXT_BUFFER", 0x98: "READONLY_BUFFER",
	}
	return fmt.Sprintf("0x%02x %s", byte(o), names[o])
}
