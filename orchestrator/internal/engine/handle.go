// SPDX-FileCopyrightText: The mlperf-ssd authors
// SPDX-License-Identifier: Apache-2.0

package engine

/*
#include <stdlib.h>
#include "loader.h"
*/
import "C"

import (
	"sync"
	"time"
	"unsafe"

	"mlperf-ssd/proto/ssdpb"
)

// handle is an Engine of a library.
type handle struct {
	api    *C.loader_api
	engine *C.ssd_engine

	ending    sync.Mutex // an Abort that comes late must not meet a Destroy
	destroyed bool
}

func (h *handle) Address(rank, world int) ([]byte, error) {
	out := make([]byte, maxReport+256*max(0, world))
	var length C.size_t
	var failure C.ssd_error
	status := C.loader_address(h.api, h.engine, C.int32_t(rank), C.int32_t(world),
		unsafe.Pointer(&out[0]), C.size_t(len(out)), &length, &failure)
	if err := check(status, &failure); err != nil {
		return nil, err
	}
	return out[:length], nil
}

func (h *handle) Connect(addresses [][]byte) error {
	bytes, err := encode("connect", &ssdpb.ConnectRequest{Address: addresses})
	if err != nil {
		return err
	}
	data, n := view(bytes)
	var failure C.ssd_error
	return check(C.loader_connect(h.api, h.engine, data, n, &failure), &failure)
}

func (h *handle) Prepare() error {
	var failure C.ssd_error
	return check(C.loader_prepare(h.api, h.engine, &failure), &failure)
}

func (h *handle) Train(epoch, steps int64) error {
	var failure C.ssd_error
	return check(C.loader_train(h.api, h.engine, C.int64_t(epoch), C.int64_t(steps), &failure), &failure)
}

func (h *handle) Evaluate() error {
	var failure C.ssd_error
	return check(C.loader_evaluate(h.api, h.engine, &failure), &failure)
}

func (h *handle) Save(path string) error {
	cPath := C.CString(path)
	defer C.free(unsafe.Pointer(cPath))
	var failure C.ssd_error
	return check(C.loader_save(h.api, h.engine, cPath, &failure), &failure)
}

func (h *handle) Inspect(request *ssdpb.InspectRequest) error {
	bytes, err := encode("inspect", request)
	if err != nil {
		return err
	}
	data, n := view(bytes)
	var failure C.ssd_error
	return check(C.loader_inspect(h.api, h.engine, data, n, &failure), &failure)
}

func (h *handle) Bench(request *ssdpb.BenchRequest) (*ssdpb.BenchReport, error) {
	report := &ssdpb.BenchReport{}
	return report, exchange(request, report, maxReport, func(in unsafe.Pointer, n C.size_t, out unsafe.Pointer, size C.size_t, length *C.size_t, failure *C.ssd_error) C.ssd_status {
		return C.loader_bench(h.api, h.engine, in, n, out, size, length, failure)
	})
}

func (h *handle) Poll(timeout time.Duration) []Event {
	var raw [64]C.ssd_event
	n := int(C.loader_poll(h.api, h.engine, &raw[0], C.size_t(len(raw)), C.int32_t(timeout.Milliseconds())))
	var events []Event
	for _, e := range raw[:n] {
		events = append(events, Event{
			Time:  time.Unix(0, int64(e.unix_ns)),
			Step:  int64(e.step),
			Value: float64(e.value),
			Kind:  Kind(e.kind),
			Level: uint32(e.level),
			Text:  C.GoString(&e.text[0]),
		})
	}
	return events
}

func (h *handle) Abort() {
	h.ending.Lock()
	defer h.ending.Unlock()
	if !h.destroyed {
		C.loader_abort(h.api, h.engine)
	}
}

func (h *handle) Destroy() {
	h.ending.Lock()
	defer h.ending.Unlock()
	if !h.destroyed {
		h.destroyed = true
		C.loader_destroy(h.api, h.engine)
	}
}
