// SPDX-FileCopyrightText: The mlperf-ssd authors
// SPDX-License-Identifier: Apache-2.0

package discover

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// Verb is the command of this program that prints the answer of AskNVML, for Probe.
const Verb = "gpus"

// Here takes the inventory of this host. A root that is not empty stands for another one: a folder with
// its sys, proc and etc, and what Verb said there in gpus.json.
func Here(ctx context.Context, root string) *Inventory {
	ask := func(ctx context.Context) GPUs {
		program, err := os.Executable()
		if err != nil {
			return without(err)
		}
		return Probe(ctx, program, Verb)
	}
	if root != "" {
		ask = func(context.Context) GPUs { return recorded(filepath.Join(root, "gpus.json")) }
	}
	return Read(ctx, Options{Root: root, Ask: ask, LookupEnv: os.LookupEnv})
}

func recorded(path string) GPUs {
	text, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return without(errors.New("no gpus.json"))
	}
	var answer GPUs
	if err == nil {
		err = json.Unmarshal(text, &answer)
	}
	if err != nil {
		return without(fmt.Errorf("%s: %w", path, err))
	}
	return answer
}
