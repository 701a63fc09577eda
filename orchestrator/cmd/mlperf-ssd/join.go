// SPDX-FileCopyrightText: The mlperf-ssd authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"debug/elf"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"runtime"
	"strings"

	"github.com/urfave/cli/v2"

	"mlperf-ssd/orchestrator/internal/config"
	"mlperf-ssd/orchestrator/internal/rendezvous"
	"mlperf-ssd/orchestrator/internal/slurm"
)

// credentialsVariable may hold what --credentials names.
const credentialsVariable = "MLPERF_SSD_CREDENTIALS"

// place is where a worker stands in its run.
type place struct {
	rendezvous.Info
	alone bool // the only rank, without a control plane
	share int  // ranks among which the processors that it sees are divided
}

func joinFlags() []cli.Flag {
	return []cli.Flag{
		&cli.StringFlag{Name: "join", Usage: "`ADDRESS` of the launcher, host:port; several with commas"},
		&cli.StringFlag{Name: "credentials", Usage: "`FILE` that launch wrote, \"-\" for standard input (default: $" + credentialsVariable + ")"},
		&cli.IntFlag{Name: "rank", Usage: "of all (default: $SLURM_PROCID)"},
		&cli.IntFlag{Name: "local-rank", Usage: "on this node (default: $SLURM_LOCALID)"},
		&cli.IntFlag{Name: "node", Usage: "index of this node (default: $SLURM_NODEID)"},
		&cli.IntFlag{Name: "share", Value: 1, Usage: "ranks among which the processors seen are divided"},
	}
}

// meet finds the worker's place and lets it join its run.
func meet(c *cli.Context) (place, rendezvous.Member, error) {
	p := place{share: max(1, c.Int("share"))}
	if !c.IsSet("join") && !c.IsSet("credentials") {
		text, err := io.ReadAll(os.Stdin)
		if err != nil {
			return p, nil, fmt.Errorf("worker: job: %w", err)
		}
		p.alone = true
		return p, rendezvous.Alone(text), nil
	}
	access, err := readAccess(c)
	if err != nil {
		return p, nil, err
	}
	if _, step, err := slurm.Discover(os.LookupEnv); err != nil {
		return p, nil, err
	} else if step != nil {
		p.Rank, p.LocalRank, p.Node = step.Rank, step.LocalRank, step.Node
	}
	for name, to := range map[string]*int{"rank": &p.Rank, "local-rank": &p.LocalRank, "node": &p.Node} {
		if c.IsSet(name) {
			*to = c.Int(name)
		}
	}
	if p.Host, err = os.Hostname(); err != nil {
		return p, nil, fmt.Errorf("worker: %w", err)
	}
	p.PID = os.Getpid()
	build, err := buildID()
	if err != nil {
		return p, nil, err
	}
	member, err := rendezvous.Dial(c.Context, access, rendezvous.Request{Build: build, Configuration: access.Configuration, Info: p.Info})
	return p, member, err
}

// readAccess gets the credentials of the run. A file that others may read is refused.
func readAccess(c *cli.Context) (rendezvous.Access, error) {
	var access rendezvous.Access
	var text []byte
	var err error
	switch path := c.String("credentials"); path {
	case "":
		text = []byte(os.Getenv(credentialsVariable))
		if len(text) == 0 {
			return access, usageError(fmt.Errorf("worker: --join needs --credentials or $%s", credentialsVariable))
		}
	case "-":
		text, err = io.ReadAll(os.Stdin)
	default:
		text, err = readSecret(path)
	}
	if err != nil {
		return access, fmt.Errorf("worker: credentials: %w", err)
	}
	if err := json.Unmarshal(text, &access); err != nil {
		return access, fmt.Errorf("worker: credentials: not what `mlperf-ssd launch` made: %w", err)
	}
	if join := c.String("join"); join != "" {
		access.Addresses = strings.Split(join, ",")
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

// buildID tells two builds of this program apart: its version, and what the Go linker made of all that
// is in it.
func buildID() (string, error) {
	self, err := os.Executable()
	if err != nil {
		return "", fmt.Errorf("build: %w", err)
	}
	binary, err := elf.Open(self)
	if err != nil {
		return "", fmt.Errorf("build: %w", err)
	}
	defer func() { _ = binary.Close() }() // it was only read
	note := binary.Section(".note.go.buildid")
	if note == nil {
		return version, nil
	}
	data, err := note.Data()
	if err != nil {
		return "", fmt.Errorf("build: %s: %w", self, err)
	}
	const header = 16 // lengths, type, "Go\0\0"
	id := strings.TrimRight(string(data[min(header, len(data)):]), "\x00")
	if i := strings.LastIndexByte(id, '/'); i >= 0 { // the last part is the hash of the content
		id = id[i+1:]
	}
	return version + " " + id, nil
}
