// SPDX-FileCopyrightText: The mlperf-ssd authors
// SPDX-License-Identifier: Apache-2.0

package rank

import (
	"context"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"

	"mlperf-ssd/orchestrator/internal/config"
	"mlperf-ssd/orchestrator/internal/exit"
)

func TestAnOnlyRankReadsItsJob(t *testing.T) {
	p, member, err := meet(context.Background(), Options{Alone: true, Stdin: strings.NewReader("the job")})
	if err != nil || !p.alone || p.share != 1 || member.World() != 1 || string(member.Job()) != "the job" {
		t.Errorf("%+v, %v", p, err)
	}
}

func TestCredentials(t *testing.T) {
	dir := t.TempDir()
	write := func(name, text string, mode os.FileMode) string {
		file := filepath.Join(dir, name)
		if err := os.WriteFile(file, []byte(text), mode); err != nil {
			t.Fatal(err)
		}
		return file
	}
	const good = `{"Addresses": ["h:1"], "Configuration": "c0ffee"}`
	for _, test := range []struct {
		name    string
		options Options
		env     string
		want    []string // addresses
		err     string
		code    int
	}{
		{"file", Options{Credentials: write("good", good, 0o600)}, "", []string{"h:1"}, "", exit.OK},
		{"standard input", Options{Credentials: "-", Stdin: strings.NewReader(good)}, "", []string{"h:1"}, "", exit.OK},
		{"variable", Options{}, good, []string{"h:1"}, "", exit.OK},
		{"other addresses", Options{Join: "a:1,b:2"}, good, []string{"a:1", "b:2"}, "", exit.OK},
		{"none", Options{Join: "a:1"}, "", nil, "--join needs --credentials", exit.WrongUse},
		{"no file", Options{Credentials: filepath.Join(dir, "none")}, "", nil, "no such file", exit.Failed},
		{"readable by all", Options{Credentials: write("open", good, 0o644)}, "", nil, "chmod 600", exit.Failed},
		{"cut off", Options{Credentials: write("cut", good[:9], 0o600)}, "", nil, "not what `mlperf-ssd launch` made", exit.Failed},
	} {
		t.Setenv(CredentialsVariable, test.env)
		access, err := readAccess(test.options)
		if code := exit.CodeOf(err); code != test.code || err != nil && !strings.Contains(err.Error(), test.err) {
			t.Errorf("%s: exit code %d: %v, want %d and %q", test.name, code, err, test.code, test.err)
		}
		if err == nil && (!slices.Equal(access.Addresses, test.want) || access.Configuration != "c0ffee") {
			t.Errorf("%s: %+v", test.name, access)
		}
	}
}

func TestUnboundRanksShareProcessors(t *testing.T) {
	const share = 2
	c, err := config.Load(config.Source{Sets: []string{"device.threads=0", "data.threads=3"}})
	if err != nil {
		t.Fatal(err)
	}
	place{share: 1}.shareThreads(c)
	if c.Device.Threads != 0 {
		t.Errorf("alone: %d threads, want all (0)", c.Device.Threads)
	}
	place{share: share}.shareThreads(c)
	if want := int64(max(1, runtime.GOMAXPROCS(0)/share)); c.Device.Threads != want || c.Data.Threads != 3 {
		t.Errorf("%d compute threads, want %d; %d data threads, want those configured, 3", c.Device.Threads, want, c.Data.Threads)
	}
}
