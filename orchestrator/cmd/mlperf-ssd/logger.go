// SPDX-FileCopyrightText: The mlperf-ssd authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"io"
	"os"

	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
)

// newLogger is the log for people, on standard error.
func newLogger() *zap.Logger { return loggerTo(os.Stderr) }

// loggerTo passes over what the names of files may do to a terminal.
func loggerTo(w io.Writer) *zap.Logger {
	encoding := zap.NewProductionEncoderConfig()
	encoding.EncodeTime = zapcore.TimeEncoderOfLayout("15:04:05.000")
	encoding.EncodeLevel = zapcore.LowercaseLevelEncoder
	encoding.ConsoleSeparator = " "
	return zap.New(zapcore.NewCore(zapcore.NewConsoleEncoder(encoding), zapcore.Lock(zapcore.AddSync(visibleWriter{w})), zap.InfoLevel))
}
