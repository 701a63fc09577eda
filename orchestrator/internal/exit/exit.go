// SPDX-FileCopyrightText: The mlperf-ssd authors
// SPDX-License-Identifier: Apache-2.0

// Package exit gives failures the exit code of the program. docs/exit-codes.md is for users.
package exit

import "errors"

// The exit codes that this program gives. A docker or a Slurm job that failed passes its own on.
const (
	OK          = 0
	Failed      = 1
	WrongUse    = 2
	Stuck       = 3 // restarts without progress
	Interrupted = 130
)

// Error is a failure with its exit code. One without a text ends the program silently.
type Error struct {
	Code int
	Err  error
}

func (e *Error) Error() string { return e.Err.Error() }

// Unwrap gives the failure.
func (e *Error) Unwrap() error { return e.Err }

// With gives a failure an exit code.
func With(code int, err error) error { return &Error{code, err} }

// Usage marks a mistake in how the program was called.
func Usage(err error) error { return &Error{WrongUse, err} }

// CodeOf is the exit code of an error.
func CodeOf(err error) int {
	var coded *Error
	switch {
	case err == nil:
		return OK
	case errors.As(err, &coded):
		return coded.Code
	default:
		return Failed
	}
}
