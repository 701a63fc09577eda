// SPDX-FileCopyrightText: The mlperf-ssd authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"runtime"

	"github.com/urfave/cli/v2"
)

// versions is the JSON of `version`.
type versions struct {
	Program     string `json:"program"`
	Go          string `json:"go"`
	Engine      string `json:"engine,omitempty"`
	EngineError string `json:"engine_error,omitempty"`
}

// versionCommand also tries whether the engine can be loaded. That it cannot is an answer, not a
// failure of this verb.
func versionCommand() *cli.Command {
	return &cli.Command{
		Name:  "version",
		Usage: "say what this program and its engine were built from",
		Flags: []cli.Flag{jsonFlag(), engineFlag()},
		Action: func(c *cli.Context) error {
			if err := noArguments(c); err != nil {
				return err
			}
			v := versions{Program: version, Go: runtime.Version()}
			if library, err := openEngine(c); err != nil {
				v.EngineError = err.Error()
			} else {
				v.Engine = library.BuildInfo()
			}
			if c.Bool("json") {
				return writeJSON(c.App.Writer, v)
			}
			engine := v.Engine
			if engine == "" {
				engine = "none: " + v.EngineError
			}
			_, err := fmt.Fprintf(c.App.Writer, "mlperf-ssd %s, %s\nengine %s\n", v.Program, v.Go, engine)
			return err
		},
	}
}
