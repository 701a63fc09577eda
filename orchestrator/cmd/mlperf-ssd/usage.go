// SPDX-FileCopyrightText: The mlperf-ssd authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"slices"
	"strings"

	"github.com/urfave/cli/v2"

	"mlperf-ssd/orchestrator/internal/exit"
	"mlperf-ssd/orchestrator/internal/nearest"
)

// usageError marks a mistake in how the program was called: exit 2.
func usageError(err error) error { return exit.Usage(err) }

// markUsageErrors lets all commands say what is wrong with their flags, and end with exit 2.
func markUsageErrors(commands []*cli.Command) {
	for _, command := range commands {
		command.OnUsageError = func(c *cli.Context, err error, _ bool) error {
			return usageError(flagError(c.Command, err))
		}
		if command.Action == nil {
			command.Action = func(c *cli.Context) error {
				if c.Args().Present() {
					return unknownCommand(c.Args().First(), c.Command.Subcommands, c.Command.HelpName)
				}
				return cli.ShowSubcommandHelp(c)
			}
		}
		if required := takeRequired(command.Flags); len(required) > 0 {
			action := command.Action
			command.Action = func(c *cli.Context) error {
				missing := slices.DeleteFunc(slices.Clone(required), func(name string) bool {
					return c.IsSet(name) && fmt.Sprint(c.Value(name)) != ""
				})
				if len(missing) > 0 {
					return usageError(fmt.Errorf("%s needs --%s: see `%s --help`", verb(c.Command), strings.Join(missing, " and --"), c.Command.HelpName))
				}
				return action(c)
			}
		}
		markUsageErrors(command.Subcommands)
	}
}

// takeRequired gives the required flags. The library is not to look for them: it prints all its help
// onto standard output before it says what is missing.
func takeRequired(flags []cli.Flag) []string {
	var names []string
	for _, flag := range flags {
		var required *bool
		switch f := flag.(type) {
		case *cli.StringFlag:
			required = &f.Required
		case *cli.Int64Flag:
			required = &f.Required
		default:
			continue
		}
		if *required {
			names = append(names, flag.Names()[0])
		}
		*required = false
	}
	return names
}

// verb is a command's name without the program's.
func verb(command *cli.Command) string {
	_, words, _ := strings.Cut(command.HelpName, " ")
	return words
}

func unknownCommand(word string, commands []*cli.Command, helpName string) error {
	var known []string
	for _, command := range commands {
		known = append(known, command.Name)
	}
	return usageError(fmt.Errorf("%q is no command%s: see `%s --help`", word, guess("", word, known), helpName))
}

// flagError says in this program's words what the library found wrong with a flag.
func flagError(command *cli.Command, err error) error {
	text := err.Error()
	if name, found := strings.CutPrefix(text, "flag provided but not defined: "); found {
		name = strings.TrimLeft(name, "-")
		var known []string
		for _, flag := range command.Flags {
			known = append(known, flag.Names()...)
		}
		return fmt.Errorf("%s has no flag --%s%s: see `%s --help`", verb(command), name, guess("--", name, known), command.HelpName)
	}
	if name, found := strings.CutPrefix(text, "flag needs an argument: "); found {
		return fmt.Errorf("%s: --%s needs a value", verb(command), strings.TrimLeft(name, "-"))
	}
	text = strings.Replace(text, " for -", " for flag -", 1) // as it says of switches
	if wrong, rest, found := strings.Cut(text, " for flag -"); found {
		name, _, _ := strings.Cut(rest, ":")
		return fmt.Errorf("%s: %s for --%s", verb(command), wrong, name)
	}
	return err
}

// guess is what somebody may have meant.
func guess(prefix, word string, known []string) string {
	if near := nearest.Word(word, known, min(3, len(word)/2)); near != "" {
		return fmt.Sprintf(" (did you mean %s%s?)", prefix, near)
	}
	return ""
}

// within is an error unless the flag's number is low to high.
func within[T int | int64 | float64](name string, value, low, high T) error {
	if value >= low && value <= high {
		return nil
	}
	return usageError(fmt.Errorf("--%s is %v, must be %v to %v", name, value, low, high))
}

// atLeast is an error unless the flag's number is low or more.
func atLeast[T int | int64 | float64](name string, value, low T) error {
	if value >= low {
		return nil
	}
	return usageError(fmt.Errorf("--%s is %v, must be at least %v", name, value, low))
}
