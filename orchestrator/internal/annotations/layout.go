// SPDX-FileCopyrightText: The mlperf-ssd authors
// SPDX-License-Identifier: Apache-2.0

package annotations

// layout is how json.dump puts white space: none, or indent spaces a level and a line for each item.
type layout struct{ indent int }

// item appends what stands before an item.
func (p layout) item(out []byte, level int, first bool) []byte {
	if !first {
		out = append(out, ',')
	}
	return p.line(out, level)
}

// close appends the closing bracket.
func (p layout) close(out []byte, bracket byte, level int, empty bool) []byte {
	if !empty {
		out = p.line(out, level)
	}
	return append(out, bracket)
}

// colon appends what stands behind a key.
func (p layout) colon(out []byte) []byte {
	if p.indent > 0 {
		return append(out, ": "...)
	}
	return append(out, ':')
}

func (p layout) line(out []byte, level int) []byte {
	if p.indent == 0 {
		return out
	}
	out = append(out, '\n')
	for range p.indent * level {
		out = append(out, ' ')
	}
	return out
}
