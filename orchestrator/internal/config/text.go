// SPDX-FileCopyrightText: The mlperf-ssd authors
// SPDX-License-Identifier: Apache-2.0

package config

import (
	"fmt"
	"strconv"
	"strings"
)

// Text is the value as a TOML file has it.
func (f Field) Text() string {
	switch v := f.Value.(type) {
	case string:
		return strconv.Quote(v)
	case []int64:
		return strings.ReplaceAll(fmt.Sprint(v), " ", ", ")
	default:
		return fmt.Sprint(v)
	}
}
