// SPDX-FileCopyrightText: The mlperf-ssd authors
// SPDX-License-Identifier: Apache-2.0

package torchfile

import (
	"errors"
	"fmt"

	"mlperf-ssd/orchestrator/internal/tensorfile"
)

// The globals of spec section 15 beside the storage types.
const (
	orderedDict     = "collections OrderedDict"
	rebuildTensor   = "torch._utils _rebuild_tensor"
	rebuildTensorV2 = "torch._utils _rebuild_tensor_v2"
	rebuildParam    = "torch._utils _rebuild_parameter"
	parameter       = "torch.nn.parameter Parameter"
)

// storageType is the element type of a storage global.
func storageType(g global) (tensorfile.DType, bool) {
	if g.module != "torch" {
		return "", false
	}
	types := map[string]tensorfile.DType{
		"DoubleStorage": tensorfile.F64, "FloatStorage": tensorfile.F32, "HalfStorage": tensorfile.F16,
		"BFloat16Storage": tensorfile.BF16, "LongStorage": tensorfile.I64, "IntStorage": tensorfile.I32,
		"ShortStorage": tensorfile.I16, "CharStorage": tensorfile.I8, "ByteStorage": tensorfile.U8,
		"BoolStorage": tensorfile.Bool,
	}
	t, ok := types[g.name]
	return t, ok
}

func (g global) String() string { return g.module + " " + g.name }

func (m *machine) object(code opcode) error {
	switch code {
	case opGlobal:
		return m.global()
	case opBuild:
		return m.build()
	case opBinPersID:
		id, err := m.pop()
		if err != nil {
			return err
		}
		s, err := m.storages.resolve(id)
		if err != nil {
			return err
		}
		return m.push(s)
	default: // REDUCE and NEWOBJ differ in Python only
		return m.call()
	}
}

func (m *machine) global() error {
	module, err := m.line()
	if err != nil {
		return err
	}
	name, err := m.line()
	if err != nil {
		return err
	}
	g := global{module, name}
	switch g.String() {
	case orderedDict, rebuildTensor, rebuildTensorV2, rebuildParam, parameter:
		return m.push(g)
	}
	if _, ok := storageType(g); ok {
		return m.push(g)
	}
	return fmt.Errorf("global %q is refused: only tensors are read, nothing is run", g.String())
}

// build gives an object its state. That of dicts holds nothing of use; that of a tensor is flags and
// hooks, or in the oldest files the tensor itself, gradient, hooks and flags.
func (m *machine) build() error {
	state, err := m.pop()
	if err != nil {
		return err
	}
	object, err := m.top()
	if err != nil {
		return err
	}
	switch object := object.(type) {
	case *dict:
		return nil
	case *Tensor:
		values, ok := state.(tuple)
		if !ok {
			return fmt.Errorf("the state of a tensor is a %s", kindOf(state))
		}
		if len(values) != 5 {
			return nil
		}
		data, ok := values[0].(*Tensor)
		if !ok {
			return fmt.Errorf("the data of a parameter are a %s", kindOf(values[0]))
		}
		*object = *data
		return nil
	default:
		return fmt.Errorf("state for a %s", kindOf(object))
	}
}

// call makes the object that a global and its arguments stand for.
func (m *machine) call() error {
	operands, err := m.popTuple(2)
	if err != nil {
		return err
	}
	g, ok := operands[0].(global)
	if !ok {
		return fmt.Errorf("a %s is called", kindOf(operands[0]))
	}
	args, ok := operands[1].(tuple)
	if !ok {
		return fmt.Errorf("%s: its arguments are a %s", g, kindOf(operands[1]))
	}
	var value any
	switch g.String() {
	case orderedDict:
		value, err = m.makeDict(args)
	case rebuildTensor, rebuildTensorV2:
		value, err = makeTensor(g.String() == rebuildTensorV2, args)
	case rebuildParam, parameter:
		value, err = unwrapParameter(args)
	default:
		err = errors.New("is no function")
	}
	if err != nil {
		return fmt.Errorf("%s: %w", g, err)
	}
	return m.push(value)
}

// makeDict takes nothing or, as Python 2 wrote it, a list of pairs. The copies count as pushed.
func (m *machine) makeDict(args tuple) (*dict, error) {
	d := newDict()
	if len(args) == 0 {
		return d, nil
	}
	pairs, ok := args[0].(*list)
	if !ok || len(args) != 1 {
		return nil, errors.New("its argument is no list of pairs")
	}
	if err := m.spend(len(pairs.items)); err != nil {
		return nil, err
	}
	for _, item := range pairs.items {
		var pair []any
		switch item := item.(type) {
		case tuple:
			pair = item
		case *list:
			pair = item.items
		}
		if len(pair) != 2 {
			return nil, errors.New("its argument is no list of pairs")
		}
		if err := d.set(pair[0], pair[1]); err != nil {
			return nil, err
		}
	}
	return d, nil
}

// unwrapParameter gives the tensor in a parameter: a copy, as its state is set apart. Without
// arguments it waits for its state.
func unwrapParameter(args tuple) (*Tensor, error) {
	if len(args) > 3 {
		return nil, fmt.Errorf("%d arguments", len(args))
	}
	if len(args) == 0 {
		return &Tensor{}, nil
	}
	t, ok := args[0].(*Tensor)
	if !ok {
		return nil, fmt.Errorf("wraps a %s", kindOf(args[0]))
	}
	p := *t
	return &p, nil
}

// makeTensor takes storage, offset, size, stride and, in the second version, requires_grad, hooks and
// perhaps metadata.
func makeTensor(v2 bool, args tuple) (*Tensor, error) {
	if v2 && len(args) != 6 && len(args) != 7 || !v2 && len(args) != 4 {
		return nil, fmt.Errorf("%d arguments", len(args))
	}
	if len(args) == 7 && args[6] != nil {
		// Metadata say, for instance, that the values are stored negated.
		if d, ok := args[6].(*dict); !ok || len(d.keys) != 0 {
			return nil, errors.New("tensors with metadata are refused")
		}
	}
	s, ok := args[0].(*storage)
	if !ok {
		return nil, fmt.Errorf("its storage is a %s", kindOf(args[0]))
	}
	offset, ok := args[1].(int64)
	if !ok {
		return nil, fmt.Errorf("its offset is a %s", kindOf(args[1]))
	}
	shape, err := integers(args[2])
	if err != nil {
		return nil, fmt.Errorf("size: %w", err)
	}
	stride, err := integers(args[3])
	if err != nil {
		return nil, fmt.Errorf("stride: %w", err)
	}
	t := &Tensor{DType: s.dtype, Shape: shape, stride: stride, offset: offset, storage: s}
	return t, t.check()
}

func integers(value any) ([]int64, error) {
	values, ok := value.(tuple)
	if !ok {
		return nil, fmt.Errorf("is a %s", kindOf(value))
	}
	if len(values) > maxDims {
		return nil, fmt.Errorf("has %d dimensions", len(values))
	}
	out := make([]int64, len(values))
	for i, v := range values {
		if out[i], ok = v.(int64); !ok {
			return nil, fmt.Errorf("holds a %s", kindOf(v))
		}
	}
	return out, nil
}
