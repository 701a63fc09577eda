// SPDX-FileCopyrightText: The mlperf-ssd authors
// SPDX-License-Identifier: Apache-2.0

package engine

/*
#cgo CFLAGS: -std=c99 -Wall
#cgo LDFLAGS: -ldl
#include <stdlib.h>
#include "loader.h"
*/
import "C"

import (
	"bufio"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"unsafe"

	"google.golang.org/protobuf/proto"

	"mlperf-ssd/proto/ssdpb"
)

// maxReport is always enough for a report (engine/abi/ssd_engine.h).
const maxReport = 64 << 10

// maxScore is enough for a score of 100,000 categories.
const maxScore = 16 << 20

// maxVerify is enough for the largest number of findings that a request should ask for: 100 of each
// kind, of 2 KiB.
const maxVerify = 4 << 20

// Library is an engine library, opened. It stays open until the process ends.
type Library struct {
	path string
	api  *C.loader_api
}

// Find is the path of the engine library: explicit if not empty, else in lib/ beside the folder of
// the program's own binary. There it is the one with CUDA, if it was built, where device (device.kind
// of a configuration) is "cuda", or "auto" on a host with a GPU; else the one for CPUs. Loads nothing.
func Find(explicit, device string) (string, error) {
	if explicit != "" {
		return explicit, nil
	}
	self, err := os.Executable()
	if err != nil {
		return "", fmt.Errorf("engine: find: %w", err)
	}
	if real, err := filepath.EvalSymlinks(self); err == nil {
		self = real
	}
	return choose(filepath.Join(filepath.Dir(self), "..", "lib"), device, nvidiaDevice), nil
}

// nvidiaDevice is there on a host with an NVIDIA driver that has a GPU, and in its containers that
// may use one.
const nvidiaDevice = "/dev/nvidiactl"

// choose is the library of a folder.
func choose(lib, device, gpu string) string {
	there := func(path string) bool {
		_, err := os.Stat(path)
		return err == nil
	}
	cuda := filepath.Join(lib, "libssd_engine_cuda.so")
	if there(cuda) && (device == "cuda" || device == "auto" && there(gpu)) {
		return cuda
	}
	return filepath.Join(lib, "libssd_engine_cpu.so")
}

// Open loads the library at path.
func Open(path string) (*Library, error) {
	path, err := filepath.Abs(path) // the system would look for a bare name in its own folders
	if err != nil {
		return nil, fmt.Errorf("engine: open: %w", err)
	}
	if info, err := os.Stat(path); err != nil {
		return nil, fmt.Errorf("engine: %s is not there: run `make build`, or name another with --engine", path)
	} else if !info.Mode().IsRegular() { // of a pipe dlopen waits for the writer
		return nil, fmt.Errorf("engine: %s is no library: run `make build`, or name another with --engine", path)
	}
	if err := checkWhole(path); err != nil {
		return nil, fmt.Errorf("engine: %w: run `make build`, copy it again, or name another with --engine", err)
	}
	waitBriefly()
	api := (*C.loader_api)(C.calloc(1, C.sizeof_loader_api))
	cPath := C.CString(path)
	defer C.free(unsafe.Pointer(cPath))
	var version C.uint32_t
	var message [512]C.char
	switch C.loader_open(cPath, api, &version, &message[0], C.size_t(len(message))) {
	case 0:
		return &Library{path: path, api: api}, nil
	case 2:
		return nil, fmt.Errorf("engine: %s has ABI %d, this program needs %d: rebuild both with `make build`",
			path, uint32(version), uint32(C.SSD_ABI_VERSION))
	default:
		return nil, fmt.Errorf("engine: open %s: %s", path, C.GoString(&message[0]))
	}
}

// waitBriefly tells the engine's OpenMP, which reads it when it is loaded, to give the processor away
// soon where a thread waits for another. By its own default it would spin for milliseconds: on a
// machine with other work a step then takes two to four times as long.
func waitBriefly() {
	for _, name := range []string{"GOMP_SPINCOUNT", "OMP_WAIT_POLICY"} {
		if _, set := os.LookupEnv(name); set {
			return
		}
	}
	_ = os.Setenv("GOMP_SPINCOUNT", "1000") // the name is valid
}

// BuildInfo is one line on how the library was built.
func (l *Library) BuildInfo() string { return C.GoString(C.loader_build_info(l.api)) }

// Create makes an engine.
func (l *Library) Create(config *ssdpb.EngineConfig) (Engine, error) {
	bytes, err := encode("create", config)
	if err != nil {
		return nil, err
	}
	h := &handle{api: l.api}
	data, n := view(bytes)
	var failure C.ssd_error
	if err := check(C.loader_create(l.api, &h.engine, data, n, &failure), &failure); err != nil {
		return nil, err
	}
	return h, nil
}

// Score is the COCO box AP of a detections file.
func (l *Library) Score(request *ssdpb.ScoreRequest) (*ssdpb.ScoreReport, error) {
	report := &ssdpb.ScoreReport{}
	return report, exchange(request, report, maxScore, func(in unsafe.Pointer, n C.size_t, out unsafe.Pointer, size C.size_t, length *C.size_t, failure *C.ssd_error) C.ssd_status {
		return C.loader_score(l.api, in, n, out, size, length, failure)
	})
}

// Verify looks at a data set, every image of it. Progress hears, from one goroutine, how many images of a
// split are decoded; nil = nobody.
func (l *Library) Verify(request *ssdpb.VerifyRequest, progress func(split string, done, all int)) (*ssdpb.VerifyReport, error) {
	if progress != nil {
		reader, writer, err := os.Pipe()
		if err != nil {
			return nil, fmt.Errorf("verify: %w", err)
		}
		var heard sync.WaitGroup
		heard.Go(func() {
			for lines := bufio.NewScanner(reader); lines.Scan(); {
				var split string
				var done, all int
				if n, _ := fmt.Sscan(lines.Text(), &split, &done, &all); n == 3 {
					progress(split, done, all)
				}
			}
			reader.Close()
		})
		request.ProgressFd = int32(writer.Fd())
		defer heard.Wait()
		defer writer.Close()
	}
	report := &ssdpb.VerifyReport{}
	return report, exchange(request, report, maxVerify, func(in unsafe.Pointer, n C.size_t, out unsafe.Pointer, size C.size_t, length *C.size_t, failure *C.ssd_error) C.ssd_status {
		return C.loader_verify(l.api, in, n, out, size, length, failure)
	})
}

// view is what C takes of a byte slice that holds no Go pointers.
func view(bytes []byte) (unsafe.Pointer, C.size_t) {
	return unsafe.Pointer(unsafe.SliceData(bytes)), C.size_t(len(bytes))
}

func check(status C.ssd_status, failure *C.ssd_error) error {
	if status == C.SSD_OK {
		return nil
	}
	return &Error{Status: Status(status), Message: C.GoString(&failure.message[0])}
}

// exchange makes a call that takes a message and gives one of at most size bytes.
func exchange(request, report proto.Message, size int, call func(in unsafe.Pointer, n C.size_t, out unsafe.Pointer, size C.size_t, length *C.size_t, failure *C.ssd_error) C.ssd_status) error {
	in, err := encode("request", request)
	if err != nil {
		return err
	}
	out := make([]byte, size)
	var length C.size_t
	var failure C.ssd_error
	data, n := view(in)
	if err := check(call(data, n, unsafe.Pointer(&out[0]), C.size_t(size), &length, &failure), &failure); err != nil {
		return err
	}
	if err := proto.Unmarshal(out[:length], report); err != nil {
		return fmt.Errorf("engine: report: %w", err)
	}
	return nil
}

// encode makes the bytes of a request. All that it can refuse is a string that is not UTF-8.
func encode(what string, message proto.Message) ([]byte, error) {
	bytes, err := proto.Marshal(message)
	if err != nil {
		return nil, fmt.Errorf("engine: %s: %w: rename the file, or name a link to it", what, err)
	}
	return bytes, nil
}
