// SPDX-FileCopyrightText: The mlperf-ssd authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strings"
	"text/tabwriter"

	"github.com/urfave/cli/v2"

	"mlperf-ssd/orchestrator/internal/discover"
	"mlperf-ssd/orchestrator/internal/machine"
	systems "mlperf-ssd/orchestrator/internal/submission"
)

func packageDescribeCommand() *cli.Command {
	return &cli.Command{
		Name:  "describe",
		Usage: "fill in the system description of a submission from this machine",
		Description: "Examples:\n" +
			"   mlperf-ssd package describe --output systems/mybox.json\n" +
			"   mlperf-ssd package describe --nodes 4 > mybox.toml\n\n" +
			"Run it on a node that trains. What a machine cannot know stays empty and is listed on standard error.\n" +
			"Values that FILE has already stay as they are: edit it and run this again at any time.",
		Flags: []cli.Flag{
			&cli.StringFlag{Name: "output", Aliases: []string{"out"}, Usage: "`FILE`.json or .toml to write, keeping what is in it (default: TOML on standard output)"},
			&cli.IntFlag{Name: "nodes", Value: 1, Usage: "nodes of the system, each like this one"},
			jsonFlag(),
			engineFlag(),
			sysrootFlag(),
		},
		Action: runPackageDescribe,
	}
}

// described is the JSON of `package describe`.
type described struct {
	File   string         `json:"file,omitempty"`
	System systems.System `json:"system"`
	ToFill []string       `json:"to_fill"` // fields that are empty
}

func runPackageDescribe(c *cli.Context) error {
	if err := noArguments(c); err != nil {
		return err
	}
	if err := atLeast("nodes", c.Int("nodes"), 1); err != nil {
		return err
	}
	out := c.String("output")
	if lower := strings.ToLower(out); out != "" && !strings.HasSuffix(lower, ".json") && !strings.HasSuffix(lower, ".toml") {
		return usageError(fmt.Errorf("--output is %s, must end in .json or .toml", out))
	}
	host := discover.Here(c.Context, c.String("sysroot"))
	engine := ""
	if library, err := openEngine(c); err == nil {
		engine = library.BuildInfo()
	}
	d := described{File: out, System: machine.Describe(host, machine.Software{Program: version, Engine: engine, HostOS: os.Getenv("MLPERF_HOST_OS")}, c.Int("nodes"))}
	if err := keepWritten(c.App.ErrWriter, out, d.System); err != nil {
		return err
	}
	d.ToFill = emptyFields(d.System)
	if out != "" {
		if err := d.System.WriteFile(out); err != nil {
			return err
		}
	}
	listEmpty(c.App.ErrWriter, d)
	switch {
	case c.Bool("json"):
		return writeJSON(c.App.Writer, d)
	case out == "":
		return d.System.WriteTOML(c.App.Writer)
	}
	return nil
}

// keepWritten puts what is in the file over what the machine says, and tells where that makes it look
// like another machine.
func keepWritten(w io.Writer, path string, s systems.System) error {
	if path == "" {
		return nil
	}
	written, err := systems.ReadSystem(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	for _, field := range []string{"host_processor_model_name", "host_processor_core_count", "accelerators_per_node"} {
		if value := written[field]; value != "" && value != s[field] {
			fmt.Fprintf(w, "%s: %s stays %q, this machine has %q: was it written on another one?\n", path, field, value, s[field])
		}
	}
	for field, value := range written {
		if _, required := s[field]; value != "" || !required {
			s[field] = value
		}
	}
	return nil
}

func emptyFields(s systems.System) []string {
	empty := []string{}
	for _, field := range systems.Fields() {
		if s[field] == "" {
			empty = append(empty, field)
		}
	}
	return empty
}

// listEmpty tells a person what is left to write, with what belongs there.
func listEmpty(w io.Writer, d described) {
	if len(d.ToFill) == 0 {
		return
	}
	hints := map[string]string{
		"submitter":                         "the organisation",
		"division":                          "closed or open",
		"status":                            "available, preview or research",
		"system_name":                       "as results are to show it",
		"host_processor_interconnect":       "between sockets: xGMI, UPI, N/A",
		"host_networking":                   "between hosts, N/A for one",
		"host_networking_topology":          "fat tree, N/A for one host",
		"host_memory_configuration":         "modules: 16x 32GB DDR4-3200",
		"accelerator_on-chip_memories":      "caches of one accelerator",
		"accelerator_memory_configuration":  "HBM2, HBM2e, HBM3",
		"accelerator_interconnect":          "NVLink, PCIe, N/A",
		"accelerator_interconnect_topology": "NVSwitch, hybrid cube mesh, N/A",
		"cooling":                           "air or liquid",
		"hw_notes":                          "may stay empty",
		"sw_notes":                          "may stay empty",
	}
	where := d.File
	if where == "" {
		where = "the description"
	}
	fmt.Fprintf(w, "%d of %d fields of %s are empty:\n", len(d.ToFill), len(systems.Fields()), where)
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	for _, field := range d.ToFill {
		hint := hints[field]
		if hint == "" {
			hint = "not found on this machine"
		}
		fmt.Fprintf(t, "  %s\t%s\n", field, hint)
	}
	_ = t.Flush() // to standard error
}
