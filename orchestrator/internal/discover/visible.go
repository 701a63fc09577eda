// SPDX-FileCopyrightText: The mlperf-ssd authors
// SPDX-License-Identifier: Apache-2.0

package discover

import (
	"strconv"
	"strings"
)

// Visible leaves of the GPUs those that CUDA_VISIBLE_DEVICES names, in its order, and numbers them as
// CUDA does: from 0. As in CUDA the first name that fits no GPU, or one named before, ends the list.
func Visible(gpus []GPU, devices string) []GPU {
	visible := []GPU{}
	seen := map[string]bool{}
	for name := range strings.SplitSeq(devices, ",") {
		gpu, found := named(gpus, strings.TrimSpace(name))
		if !found || seen[gpu.UUID] {
			break
		}
		seen[gpu.UUID] = true
		gpu.Index = len(visible)
		visible = append(visible, gpu)
	}
	return visible
}

// named takes an index or the beginning of a UUID that no other has.
func named(gpus []GPU, name string) (GPU, bool) {
	if index, err := strconv.Atoi(name); err == nil {
		if index < 0 || index >= len(gpus) {
			return GPU{}, false
		}
		return gpus[index], true
	}
	var found []GPU
	for _, gpu := range gpus {
		if strings.HasPrefix(name, "GPU-") && strings.HasPrefix(gpu.UUID, name) {
			found = append(found, gpu)
		}
	}
	if len(found) != 1 {
		return GPU{}, false
	}
	return found[0], true
}
