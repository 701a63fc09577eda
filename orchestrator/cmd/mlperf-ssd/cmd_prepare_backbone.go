// SPDX-FileCopyrightText: The mlperf-ssd authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path"
	"path/filepath"
	"strings"

	"github.com/urfave/cli/v2"

	"mlperf-ssd/orchestrator/internal/download"
	"mlperf-ssd/orchestrator/internal/progress"
	"mlperf-ssd/orchestrator/internal/weights"
)

func prepareBackboneCommand() *cli.Command {
	return &cli.Command{
		Name:      "backbone",
		Usage:     "convert torchvision's ResNet-34, or a full model, from .pth to safetensors",
		ArgsUsage: "FILE|URL OUT.safetensors",
		Description: "A name that ends in -xxxxxxxx.pth must have these first digits of its SHA-256.\n" +
			"Example: mlperf-ssd prepare backbone resnet34-333f7ec4.pth backbone.safetensors",
		Flags: []cli.Flag{jsonFlag()},
		Action: func(c *cli.Context) error {
			arguments, err := lateFlags(c)
			if err != nil {
				return err
			}
			if len(arguments) != 2 || filepath.Ext(arguments[1]) != ".safetensors" {
				return usageError(errors.New("prepare backbone takes a .pth file or its address, and the .safetensors file to make"))
			}
			in, out := arguments[0], arguments[1]
			file := in
			if isURL(in) {
				scratch := out + ".download" // stays when it breaks, to go on there
				if file, err = fetchBackbone(c.Context, in, scratch); err != nil {
					return err
				}
				defer os.RemoveAll(scratch)
			}
			converted, err := weights.Convert(file, out)
			if err != nil {
				return err
			}
			if c.Bool("json") {
				return writeJSON(c.App.Writer, struct {
					Output string `json:"output"`
					weights.Converted
				}{out, converted})
			}
			_, err = fmt.Fprintf(c.App.Writer, "%s: %s: %d tensors, %.1f MB (%d tensors of %s not used)\n",
				out, converted.Kind, converted.Tensors, float64(converted.Bytes)/1e6, converted.Unused, in)
			return err
		},
	}
}

// maxBackbone bounds what an address may send; a full model has 100 MB.
const maxBackbone = 1 << 30

// fetchBackbone puts what an address has into a folder, and checks it by the digits in its name.
func fetchBackbone(ctx context.Context, address, dir string) (string, error) {
	if err := checkURL("prepare backbone", address); err != nil {
		return "", usageError(err)
	}
	parsed, err := url.Parse(address)
	if err != nil {
		return "", err
	}
	name := path.Base(parsed.Path)
	if path.Ext(name) != ".pth" {
		return "", usageError(fmt.Errorf("prepare backbone: %s: the address names no .pth file", address))
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return "", err
	}
	shown := progress.NewTransfers(os.Stderr)
	file := filepath.Join(dir, name)
	_, err = download.Fetch(ctx, address, file, weights.SumOf(name), download.Options{
		MaxBytes: maxBackbone,
		Log:      newLogger(),
		Progress: func(done, total int64) { shown.Update("download", name, done, total) },
	})
	shown.Clear()
	if err != nil {
		_ = os.Remove(dir) // unless a part is in it
	}
	return file, err
}

func isURL(text string) bool {
	return strings.HasPrefix(text, "http://") || strings.HasPrefix(text, "https://")
}

// checkURL makes sure that text is an address that can be fetched from.
func checkURL(what, text string) error {
	parsed, err := url.Parse(text)
	if err == nil && (!isURL(text) || parsed.Host == "") {
		err = fmt.Errorf("%q has no http:// or https:// and host", text)
	}
	if err != nil {
		return fmt.Errorf("%s: %w", what, err)
	}
	return nil
}
