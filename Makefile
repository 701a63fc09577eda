# SPDX-FileCopyrightText: The mlperf-ssd authors
# SPDX-License-Identifier: Apache-2.0

BUILD  ?= build/engine
JOBS   ?= $(shell nproc)

.PHONY: engine onednn
onednn:
	scripts/fetch-onednn .deps/onednn

engine: onednn
	cmake -S engine -B $(BUILD) -G Ninja
	cmake --build $(BUILD) -j $(JOBS)
