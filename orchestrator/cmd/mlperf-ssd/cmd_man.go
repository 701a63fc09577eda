// SPDX-FileCopyrightText: The mlperf-ssd authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"

	"github.com/urfave/cli/v2"
)

// manCommand and completionCommand are made by the CLI library from the commands themselves.
func manCommand() *cli.Command {
	return &cli.Command{
		Name:        "man",
		Usage:       "print the manual page",
		Description: "Example: mlperf-ssd man | man -l -",
		Action: func(c *cli.Context) error {
			if err := noArguments(c); err != nil {
				return err
			}
			page, err := c.App.ToManWithSection(1)
			if err != nil {
				return fmt.Errorf("man: %w", err)
			}
			_, err = fmt.Fprint(c.App.Writer, page)
			return err
		},
	}
}

// The shells ask the program itself: the last argument makes it list what may follow the others.
const (
	bashCompletion = `_mlperf_ssd() {
  local typed=("${COMP_WORDS[@]:0:$COMP_CWORD}") current="${COMP_WORDS[$COMP_CWORD]}"
  [[ $current == -* ]] && typed+=("$current")
  COMPREPLY=($(compgen -W "$("${typed[@]}" --generate-bash-completion 2>/dev/null | cut -d: -f1)" -- "$current"))
}
complete -o bashdefault -o default -o nospace -F _mlperf_ssd mlperf-ssd
`
	zshCompletion = `#compdef mlperf-ssd
_mlperf_ssd() {
  local -a typed found
  typed=("${(@)words[1,CURRENT-1]}")
  [[ $words[CURRENT] == -* ]] && typed+=("$words[CURRENT]")
  found=("${(@f)$(_CLI_ZSH_AUTOCOMPLETE_HACK=1 "${typed[@]}" --generate-bash-completion 2>/dev/null)}")
  if [[ -n $found ]]; then _describe 'values' found; else _files; fi
}
compdef _mlperf_ssd mlperf-ssd
`
)

func completionCommand() *cli.Command {
	return &cli.Command{
		Name:        "completion",
		Usage:       "print the completion script of a shell",
		ArgsUsage:   "bash|zsh|fish",
		Description: "Example: source <(mlperf-ssd completion bash)",
		Action: func(c *cli.Context) error {
			script := ""
			var err error
			switch shell := c.Args().First(); {
			case c.NArg() != 1:
				err = usageError(fmt.Errorf("completion takes one shell (bash, zsh or fish), %d arguments given", c.NArg()))
			case shell == "bash":
				script = bashCompletion
			case shell == "zsh":
				script = zshCompletion
			case shell == "fish":
				script, err = c.App.ToFishCompletion()
			default:
				err = usageError(fmt.Errorf("completion: %q is none of bash, zsh, fish", shell))
			}
			if err != nil {
				return err
			}
			_, err = fmt.Fprint(c.App.Writer, script)
			return err
		},
	}
}
