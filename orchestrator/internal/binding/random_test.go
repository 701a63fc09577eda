// SPDX-FileCopyrightText: The mlperf-ssd authors
// SPDX-License-Identifier: Apache-2.0

package binding

import (
	"math/rand/v2"
	"testing"

	"mlperf-ssd/orchestrator/internal/discover"
)

// randomHost has up to 2 sockets, 8 NUMA nodes, 8 GPUs, and a random cpuset that is not empty.
func randomHost(random *rand.Rand) *discover.Inventory {
	nodes := 1 << random.IntN(4)
	host := machine(1+random.IntN(2), nodes*(1+random.IntN(4)), nodes, random.IntN(9), random.IntN(4))
	var some []int
	for _, id := range host.Limits.CPUs {
		if random.IntN(4) > 0 {
			some = append(some, id)
		}
	}
	if len(some) > 0 && random.IntN(2) == 0 {
		host.Limits.CPUs = discover.NewCPUSet(some...)
	}
	for i := range host.GPUs {
		host.GPUs[i].Node = random.IntN(nodes+1) - 1
	}
	return host
}

// TestRandomPlans: whatever the host and the mode, a rank gets processors, all allowed; ranks without
// GPUs get all of them, each once; exclusive ranks share none unless a warning says so.
func TestRandomPlans(t *testing.T) {
	modes := []string{Node, Near, Exclusive, ExclusiveNoSMT, NearExclusive, NearExclusiveNoSMT}
	for seed := range uint64(5000) {
		random := rand.New(rand.NewPCG(seed, 0))
		host := randomHost(random)
		o := Options{CPU: modes[random.IntN(len(modes))], Network: Near, GPUs: len(host.GPUs) > 0 && random.IntN(2) == 0}
		ranks := 1 + random.IntN(12)
		if o.GPUs {
			ranks = 1 + random.IntN(len(host.GPUs))
		}
		layout := plan(t, host, ranks, o)
		var all []int
		for _, r := range layout.Ranks {
			if len(r.CPUs) == 0 || len(r.CPUs.Intersect(host.Limits.CPUs)) != len(r.CPUs) {
				t.Fatalf("seed %d, %+v: rank %d gets %v of %v", seed, o, r.Local, r.CPUs, host.Limits.CPUs)
			}
			if len(r.Memory.Intersect(host.Limits.Nodes)) != len(r.Memory) {
				t.Fatalf("seed %d, %+v: rank %d gets memory %v of %v", seed, o, r.Local, r.Memory, host.Limits.Nodes)
			}
			all = append(all, r.CPUs...)
		}
		together := discover.NewCPUSet(all...)
		if !o.GPUs && ranks <= len(host.Limits.CPUs) {
			whole := o.CPU != ExclusiveNoSMT && o.CPU != NearExclusiveNoSMT
			if len(together) != len(all) || whole && len(together) != len(host.Limits.CPUs) {
				t.Fatalf("seed %d, %+v: %d ranks get %v of %v", seed, o, ranks, rows(layout), host.Limits.CPUs)
			}
		}
		if o.GPUs && o.CPU != Node && o.CPU != Near && len(together) != len(all) && !hasWarning(layout, "not exclusive", "shares the others") {
			t.Fatalf("seed %d, %+v: ranks overlap: %v", seed, o, rows(layout))
		}
	}
}
