// SPDX-FileCopyrightText: The mlperf-ssd authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/urfave/cli/v2"
)

func noArguments(c *cli.Context) error {
	if c.Args().Present() {
		return usageError(fmt.Errorf("%s takes no argument %q", verb(c.Command), c.Args().First()))
	}
	return nil
}

// lateFlags sets the flags that stand behind the first argument, which the library takes for arguments,
// and gives the true ones. Everything after "--" is an argument.
func lateFlags(c *cli.Context) ([]string, error) {
	var arguments []string
	rest := c.Args().Slice()
	for i := 0; i < len(rest); i++ {
		word := rest[i]
		if word == "--" {
			return append(arguments, rest[i+1:]...), nil
		}
		if len(word) < 2 || word[0] != '-' {
			arguments = append(arguments, word)
			continue
		}
		name, value, given := strings.Cut(strings.TrimLeft(word, "-"), "=")
		at := slices.IndexFunc(c.Command.Flags, func(f cli.Flag) bool { return slices.Contains(f.Names(), name) })
		if at < 0 {
			return nil, usageError(flagError(c.Command, errors.New("flag provided but not defined: "+word)))
		}
		if _, isBool := c.Command.Flags[at].(*cli.BoolFlag); !given && isBool {
			value = "true"
		} else if !given {
			if i++; i == len(rest) {
				return nil, usageError(flagError(c.Command, fmt.Errorf("flag needs an argument: %s", word)))
			}
			value = rest[i]
		}
		if err := c.Set(name, value); err != nil {
			return nil, usageError(flagError(c.Command, fmt.Errorf("invalid value %q for flag -%s: %w", value, name, err)))
		}
	}
	return arguments, nil
}

// oneFolder is the argument of a verb that takes a folder, with lateFlags.
func oneFolder(c *cli.Context) (string, error) {
	arguments, err := lateFlags(c)
	switch {
	case err != nil:
		return "", err
	case len(arguments) != 1:
		return "", usageError(fmt.Errorf("%s takes one folder, %d arguments given", verb(c.Command), len(arguments)))
	}
	return arguments[0], nil
}
