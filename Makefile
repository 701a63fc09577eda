# SPDX-FileCopyrightText: The mlperf-ssd authors
# SPDX-License-Identifier: Apache-2.0
#
# `make smoke` and `make test` do all set-up themselves; the rest are their parts.

BUILD   := build/engine
SAN     := build/sanitize
CUDA    := build/engine-cuda
JOBS    ?= $(shell nproc)
GO      ?= go
FUZZ_SECONDS ?= 60
GOLANGCI_VERSION := v2.6.2
GOLANGCI := .deps/bin/golangci-lint-$(GOLANGCI_VERSION)
VERSION := $(shell git describe --always --dirty 2>/dev/null || echo unknown)
CMAKE_FLAGS := -G Ninja -DSSD_COMMIT=$(VERSION) \
  -DCMAKE_C_COMPILER_LAUNCHER=ccache -DCMAKE_CXX_COMPILER_LAUNCHER=ccache
# The sum: cgo does not see the header of the engine change. The warnings: go-nvml binds old names too.
export CGO_CFLAGS := -O2 -g -Wno-deprecated-declarations -DSSD_HEADER_SUM=0x$(shell sha256sum engine/abi/ssd_engine.h | cut -c1-15)
# The folders whose tests also run under the address and undefined-behaviour sanitizers.
SANITIZED := core loss heads eval data optim model comm abi event_queue \
  coco_detections_fuzz coco_index_fuzz coco_truth_fuzz jpeg_fuzz json_stream_fuzz safetensors_fuzz

.PHONY: help
help: ## this list
	@sed -n 's/^\([a-z-]*\):.*## /\1\t/p' $(MAKEFILE_LIST) | expand -t 12

.PHONY: deps
deps: ## Debian packages and oneDNN that are missing
	scripts/install-packages
	scripts/fetch-onednn .deps/onednn

.PHONY: engine
engine: deps ## lib/libssd_engine_cpu.so
	cmake -S engine -B $(BUILD) $(CMAKE_FLAGS)
	cmake --build $(BUILD) -j $(JOBS) --target ssd_engine_cpu ssd_engine_fake ssd_engine_other_abi
	cmake --install $(BUILD) --component engine --prefix $(CURDIR)/lib
	cp -a --remove-destination .deps/onednn/lib/libdnnl.so.3* lib/

.PHONY: engine-cuda
engine-cuda: deps ## lib/libssd_engine_cuda.so, with both backends; 2 GB of toolchain
	scripts/fetch-cuda .deps/cuda
	cmake -S engine -B $(CUDA) $(CMAKE_FLAGS) -DSSD_WITH_CUDA=ON
	cmake --build $(CUDA) -j $(JOBS) --target ssd_engine_cuda
	cmake --install $(CUDA) --component engine --prefix $(CURDIR)/lib
	cp -a --remove-destination .deps/onednn/lib/libdnnl.so.3* lib/

# The test programs that need a card.
CARD_TESTS := cuda_suite_test cuda_kernels_test cuda_training_test cuda_jpeg_test nccl_sums_test nccl_test

.PHONY: cuda-check
cuda-check: engine-cuda ## what of the GPU path can be proved without a GPU
	cmake --build $(CUDA) -j $(JOBS) --target cuda_plans cuda_backend_test cuda_plan_test nvjpeg_test $(CARD_TESTS)
	ctest --test-dir $(CUDA) --output-on-failure -R '^(cuda_|nccl|nvjpeg)'
	scripts/cuda-check .deps/cuda $(CUDA) engine/testing/gpus
	cmake -S engine -B $(BUILD) $(CMAKE_FLAGS)
	cmake --build $(BUILD) -j $(JOBS) --target emulator_test cuda_kernels_test cuda_suite_test cuda_training_test
	ctest --test-dir $(BUILD) --output-on-failure -R '^(emulator|cuda_kernels|cuda_suite|cuda_training)$$'
	scripts/cuda-barriers $(BUILD)

.PHONY: gpu-check
gpu-check: gpu-check-build ## proves the CUDA engine on this machine's GPU: results/gpu-check.json
	bin/gpucheck

.PHONY: gpu-check-build
gpu-check-build: engine-cuda build
	cmake --build $(CUDA) -j $(JOBS) --target $(CARD_TESTS)
	$(GO) build -trimpath -o bin/gpucheck ./orchestrator/gpucheck

.PHONY: gpu-carry
gpu-carry: gpu-check-build ## build/gpu-carry, to run bin/gpucheck on a machine that can build nothing
	scripts/gpu-carry $(CUDA) build/gpu-carry

.PHONY: build
build: engine bin/mlperf-ssd ## the engine and bin/mlperf-ssd

.PHONY: bin/mlperf-ssd
bin/mlperf-ssd:
	$(GO) build -trimpath -ldflags "-X main.version=$(VERSION)" -o $@ ./orchestrator/cmd/mlperf-ssd

.PHONY: smoke
smoke: build ## the main job on a small data set, end to end, and its log checked
	scripts/smoke

.PHONY: toy
toy: build ## from random weights to the target on a drawn data set, every rule checked
	bin/mlperf-ssd prepare toy data/toy
	bin/mlperf-ssd launch --config configs/toy.toml
	bin/mlperf-ssd check results/toy/result_0.txt

.PHONY: test
test: build test-cpp test-go ## every test

.PHONY: test-cpp
test-cpp: deps ## C++ tests, the small ones again under sanitizers
	cmake -S engine -B $(BUILD) $(CMAKE_FLAGS)
	cmake --build $(BUILD) -j $(JOBS)
	ctest --test-dir $(BUILD) --output-on-failure
	cmake -S engine -B $(SAN) $(CMAKE_FLAGS) -DSSD_SANITIZE=ON
	cmake --build $(SAN) -j $(JOBS) --target $(SANITIZED:%=%_test)
	ctest --test-dir $(SAN) --output-on-failure -R '^($(subst $(eval ) ,|,$(SANITIZED)))$$'

.PHONY: test-go
test-go: build ## Go tests with the race detector, end-to-end tests, fuzz seeds
	$(GO) vet ./...
	$(GO) test -race ./...

.PHONY: fuzz
fuzz: deps ## every parser of outside data fuzzed, FUZZ_SECONDS=60 each
	scripts/install-packages clang libclang-rt-14-dev
	scripts/fuzz-go $(FUZZ_SECONDS)
	scripts/fuzz-engine $(FUZZ_SECONDS)

.PHONY: drill
drill: build ## strikes runs of several ranks and nodes, 100 times
	$(GO) run ./orchestrator/drill

.PHONY: lint
lint: deps $(GOLANGCI) ## formats, layers, generated code, linters
	scripts/lint $(GOLANGCI)

$(GOLANGCI):
	GOBIN=$(CURDIR)/.deps/bin $(GO) install github.com/golangci/golangci-lint/v2/cmd/golangci-lint@$(GOLANGCI_VERSION)
	mv .deps/bin/golangci-lint $@

.PHONY: image-sqsh
image-sqsh: build ## build/mlperf-ssd-cpu.sqsh, an image for Enroot, of Debian packages
	scripts/image-sqsh build/mlperf-ssd-cpu.sqsh

.PHONY: fmt
fmt: ## formats Go and C++
	gofmt -w orchestrator
	git ls-files 'engine/*.h' 'engine/*.cc' 'engine/*.c' 'engine/*.cu' | xargs clang-format -i

.PHONY: generate
generate: ## the committed protobuf code
	GOBIN=$(CURDIR)/.deps/bin $(GO) install google.golang.org/protobuf/cmd/protoc-gen-go google.golang.org/grpc/cmd/protoc-gen-go-grpc
	PATH="$(CURDIR)/.deps/bin:$$PATH" protoc -I proto --go_out=proto/ssdpb --go_opt=paths=source_relative proto/engine.proto
	PATH="$(CURDIR)/.deps/bin:$$PATH" protoc -I proto --go_out=proto/controlpb --go_opt=paths=source_relative \
	  --go-grpc_out=proto/controlpb --go-grpc_opt=paths=source_relative proto/control.proto

.PHONY: clean
clean: ## what was built; data, results and dependencies stay
	rm -rf build bin lib
