// SPDX-FileCopyrightText: The mlperf-ssd authors
// SPDX-License-Identifier: Apache-2.0

package rank

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"runtime"
	"strings"

	"mlperf-ssd/orchestrator/internal/build"
	"mlperf-ssd/orchestrator/internal/config"
	"mlperf-ssd/orchestrator/internal/exit"
	"mlperf-ssd/orchestrator/internal/rendezvous"
	"mlperf-ssd/orchestrator/internal/slurm"
)

// CredentialsVariable may hold what Options.Credentials names.
const CredentialsVariable = "MLPERF_SSD_CREDENTIALS"

// place is where a worker stands in its run.
type place struct {
	rendezvous.Info
	alone bool // the only rank, without a control plane
	share int  // ranks among which the processors that it sees are divided
}

// meet finds the worker's place and lets it join its run.
func meet(ctx context.Context, o Options) (place, rendezvous.Member, error) {
	p := place{share: max(1, o.Share)}
	if o.Alone {
		text, err := io.ReadAll(o.Stdin)
		if err != nil {
			return p, nil, fmt.Errorf("worker: job: %w", err)
		}
		p.alone = true
		return p, rendezvous.Alone(text), nil
	}
	access, err := readAccess(o)
	if err != nil {
		return p, nil, err
	}
	if _, task, err := slurm.Discover(os.LookupEnv); err != nil {
		return p, nil, err
	} else if task != nil {
		p.Rank, p.LocalRank, p.Node = task.Rank, task.LocalRank, task.Node
	}
	for given, to := range map[*int]*int{o.Rank: &p.Rank, o.LocalRank: &p.LocalRank, o.Node: &p.Node} {
		if given != nil {
			*to = *given
		}
	}
	if p.Host, err = os.Hostname(); err != nil {
		return p, nil, fmt.Errorf("worker: %w", err)
	}
	p.PID = os.Getpid()
	id, err := build.ID(o.Version)
	if err != nil {
		return p, nil, err
	}
	member, err := rendezvous.Dial(ctx, access, rendezvous.Request{Build: id, Configuration: access.Configuration, Info: p.Info})
	return p, member, err
}

// readAccess gets the credentials of the run. A file that others may read is refused.
func readAccess(o Options) (rendezvous.Access, error) {
	var access rendezvous.Access
	var text []byte
	var err error
	switch o.Credentials {
	case "":
		text = []byte(os.Getenv(CredentialsVariable))
		if len(text) == 0 {
			return access, exit.Usage(errors.New("worker: --join needs --credentials or $" + CredentialsVariable))
		}
	case "-":
		text, err = io.ReadAll(o.Stdin)
	default:
		text, err = readSecret(o.Credentials)
	}
	if err != nil {
		return access, fmt.Errorf("worker: credentials: %w", err)
	}
	if err := json.Unmarshal(text, &access); err != nil {
		return access, fmt.Errorf("worker: credentials: not what `mlperf-ssd launch` made: %w", err)
	}
	if o.Join != "" {
		access.Addresses = strings.Split(o.Join, ",")
	}
	return access, nil
}

func readSecret(path string) ([]byte, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	if mode := info.Mode().Perm(); mode&0o077 != 0 {
		return nil, fmt.Errorf("%s may be read by others (%v): chmod 600 it and start the run again", path, mode)
	}
	return os.ReadFile(path)
}

// shareThreads divides the processors where the configuration leaves their number open.
func (p place) shareThreads(c *config.Config) {
	if p.share < 2 {
		return
	}
	own := int64(max(1, runtime.GOMAXPROCS(0)/p.share))
	for _, threads := range []*int64{&c.Device.Threads, &c.Data.Threads} {
		if *threads == 0 {
			*threads = own
		}
	}
}
