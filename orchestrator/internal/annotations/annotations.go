// SPDX-FileCopyrightText: The mlperf-ssd authors
// SPDX-License-Identifier: Apache-2.0

// Package annotations makes COCO's bbox-only annotation files (spec section 1). The result is to the byte
// what Python's json module makes of the same file, in one pass and a few megabytes of memory.
package annotations

import (
	"context"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"strings"

	"mlperf-ssd/orchestrator/internal/atomicfile"
	"mlperf-ssd/orchestrator/internal/regularfile"
)

// Options say what is kept and how it is written.
type Options struct {
	KeepKeys bool // keep all keys of annotations, but empty segmentations and areas of 1.0
	Indent   int  // spaces a level; 0: no white space at all
}

// Counts are of the records written.
type Counts struct {
	Images      int `json:"images"`
	Annotations int `json:"annotations"`
	Categories  int `json:"categories"`
}

// Convert reads the instances file in and writes the bbox-only file out, which may be the same. Errors
// name the file and the place; out is then as it was.
func Convert(ctx context.Context, in, out string, o Options) (Counts, error) {
	file, err := regularfile.Stream(in)
	if err != nil {
		return Counts{}, fmt.Errorf("annotations: convert: %w", err)
	}
	defer file.Close()
	spool, err := newSpool(filepath.Dir(out))
	if err != nil {
		return Counts{}, fmt.Errorf("annotations: convert: %w", err)
	}
	defer spool.close()
	c := converter{newScanner(ctx, file), layout{o.Indent}, spool, o.KeepKeys}
	if err := c.document(); err != nil {
		return Counts{}, fmt.Errorf("annotations: convert: %s: %w", in, err)
	}
	if err := atomicfile.Write(out, c.write); err != nil {
		return Counts{}, fmt.Errorf("annotations: convert: %w", err)
	}
	return Counts{spool.parts[0].records, spool.parts[1].records, spool.parts[2].records}, nil
}

// sections are the keys of the result, in its order.
func sections() [3]string { return [3]string{"images", "annotations", "categories"} }

type converter struct {
	*scanner
	layout   layout
	spool    *spool
	keepKeys bool
}

// document reads the file into the spool.
func (c *converter) document() error {
	if err := c.open('{'); err != nil {
		return err
	}
	for first := true; ; first = false {
		more, err := c.more('}', first)
		if err != nil {
			return err
		}
		if !more {
			break
		}
		if c.scratch, err = c.text(c.scratch[:0]); err != nil {
			return err
		}
		key := string(c.scratch)
		if err := c.expect(':'); err != nil {
			return err
		}
		if err := c.section(key); err != nil {
			return err
		}
	}
	if err := c.end(); err != nil {
		return err
	}
	var missing []string
	for i, name := range sections() {
		if !c.spool.parts[i].there {
			missing = append(missing, name)
		}
	}
	if missing != nil {
		return errors.New("no COCO annotations: " + strings.Join(missing, ", ") + " missing")
	}
	return c.spool.flush()
}

// section reads the value of a key of the document.
func (c *converter) section(key string) error {
	for i, name := range sections() {
		if key == `"`+name+`"` {
			if err := c.records(c.spool.parts[i], name); err != nil {
				return fmt.Errorf("%s: %w", name, err)
			}
			return nil
		}
	}
	_, err := c.value(nil, false, c.layout, 0)
	return err
}

// records reads an array of objects.
func (c *converter) records(part *part, name string) error {
	if err := part.reset(); err != nil {
		return err
	}
	if err := c.open('['); err != nil {
		return err
	}
	keep := c.rule(name)
	out := []byte{'['}
	for {
		more, err := c.more(']', part.records == 0)
		if err != nil {
			return err
		}
		if !more {
			return part.write(c.layout.close(out, ']', 1, part.records == 0))
		}
		out = c.layout.item(out, 2, part.records == 0)
		if out, err = c.object(out, c.layout, 2, keep); err != nil {
			return err
		}
		part.records++
		if err := part.write(out); err != nil {
			return err
		}
		out = out[:0]
	}
}

// rule says what a record of the section keeps.
func (c *converter) rule(section string) rule {
	switch {
	case section == "images":
		return func(key []byte) (bool, string) {
			switch string(key) {
			case `"id"`, `"file_name"`, `"height"`, `"width"`:
				return true, ""
			}
			return false, ""
		}
	case section == "categories":
		return keepAll
	case c.keepKeys:
		return func(key []byte) (bool, string) {
			switch string(key) {
			case `"segmentation"`:
				return false, "[]"
			case `"area"`:
				return false, "1.0"
			}
			return true, ""
		}
	default:
		return func(key []byte) (bool, string) {
			switch string(key) {
			case `"image_id"`, `"bbox"`, `"category_id"`, `"id"`:
				return true, ""
			}
			return false, ""
		}
	}
}

// write puts the sections together.
func (c *converter) write(w io.Writer) error {
	out := []byte{'{'}
	for i, name := range sections() {
		out = c.layout.colon(append(c.layout.item(out, 1, i == 0), `"`+name+`"`...))
		if _, err := w.Write(out); err != nil {
			return err
		}
		if err := c.spool.parts[i].copyTo(w); err != nil {
			return err
		}
		out = out[:0]
	}
	_, err := w.Write(c.layout.close(out, '}', 0, false))
	return err
}
