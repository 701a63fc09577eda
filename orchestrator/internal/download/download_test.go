// SPDX-FileCopyrightText: The mlperf-ssd authors
// SPDX-License-Identifier: Apache-2.0

package download

import (
	"bytes"
	"context"
	"crypto/md5"
	"encoding/hex"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
)

// content is what the servers hold.
func content() []byte {
	r := rand.New(rand.NewPCG(1, 2))
	b := make([]byte, 200_000)
	for i := range b {
		b[i] = byte(r.Uint32())
	}
	return b
}

func md5Of(b []byte) Sum {
	sum := md5.Sum(b)
	return Sum{"MD5", md5.New, hex.EncodeToString(sum[:])}
}

// server answers request i, from 0, by answers[i], the last again and again.
type server struct {
	*httptest.Server
	mu     sync.Mutex
	ranges []string // the Range header of each request
}

type answer func(w http.ResponseWriter, r *http.Request)

func serve(t *testing.T, answers ...answer) *server {
	t.Helper()
	s := &server{}
	s.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.mu.Lock()
		i := len(s.ranges)
		s.ranges = append(s.ranges, r.Header.Get("Range"))
		s.mu.Unlock()
		answers[min(i, len(answers)-1)](w, r)
	}))
	t.Cleanup(s.Close)
	return s
}

func (s *server) requests() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.ranges
}

// honest serves b under an ETag.
func honest(b []byte) answer {
	return func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("ETag", `"`+md5Of(b).Prefix+`"`)
		http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(b))
	}
}

// breaking serves b, but only n bytes of what is asked for.
func breaking(b []byte, n int) answer {
	return func(w http.ResponseWriter, r *http.Request) {
		honest(b)(&cut{w, n}, r)
	}
}

type cut struct {
	http.ResponseWriter
	left int
}

func (c *cut) Write(b []byte) (int, error) {
	if c.left < len(b) {
		_, _ = c.ResponseWriter.Write(b[:c.left])
		c.left = 0
		return 0, errors.New("cut")
	}
	c.left -= len(b)
	return c.ResponseWriter.Write(b)
}

// says answers with a status, headers in pairs, and a body.
func says(status int, body []byte, headers ...string) answer {
	return func(w http.ResponseWriter, _ *http.Request) {
		for i := 0; i+1 < len(headers); i += 2 {
			w.Header().Set(headers[i], headers[i+1])
		}
		w.WriteHeader(status)
		_, _ = w.Write(body)
	}
}

func quick() Options { return Options{Attempts: 4, Backoff: time.Microsecond, Stall: time.Minute} }

// expect holds a fetch to its result, and that nothing but the file is left.
func expect(t *testing.T, path string, err error, want []byte) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
	if got, err := os.ReadFile(path); err != nil || !bytes.Equal(got, want) {
		t.Errorf("%d bytes came, want %d (%v)", len(got), len(want), err)
	}
	if left, _ := filepath.Glob(path + ".*"); len(left) != 0 {
		t.Errorf("left behind: %q", left)
	}
}

func TestServersThatCanBeUsed(t *testing.T) {
	all := content()
	half := len(all) / 2
	rest := fmt.Sprintf("bytes=%d-", half)
	partly := func(first, last, total int, body []byte) answer {
		return says(206, body, "Content-Range", fmt.Sprintf("bytes %d-%d/%d", first, last, total))
	}
	for name, c := range map[string]struct {
		answers []answer
		ranges  []string
	}{
		"whole":                {[]answer{honest(all)}, []string{""}},
		"breaks":               {[]answer{breaking(all, half), breaking(all, 1000), honest(all)}, []string{"", rest, fmt.Sprintf("bytes=%d-", half+1000)}},
		"busy":                 {[]answer{says(503, nil), says(429, nil, "Retry-After", "3600"), breaking(all, half), says(500, nil), honest(all)}, []string{"", "", "", rest, rest}},
		"changes":              {[]answer{breaking(all[1:], half), honest(all)}, []string{"", rest}},
		"does not know ranges": {[]answer{breaking(all, half), says(200, all)}, []string{"", rest}},
		"no length": {[]answer{func(w http.ResponseWriter, _ *http.Request) {
			_, _ = w.Write(all[:half])
			w.(http.Flusher).Flush()
			_, _ = w.Write(all[half:])
		}}, []string{""}},
		"part of the range":   {[]answer{breaking(all, half), partly(half, half+9, len(all), all[half:half+10]), honest(all)}, []string{"", rest, fmt.Sprintf("bytes=%d-", half+10)}},
		"wrong start":         {[]answer{breaking(all, half), partly(half-1, len(all)-1, len(all), all[half-1:]), honest(all)}, []string{"", rest, ""}},
		"wrong total":         {[]answer{breaking(all, half), partly(half, len(all), len(all)+1, append(all[half:len(all):len(all)], 0)), honest(all)}, []string{"", rest, ""}},
		"length of the whole": {[]answer{breaking(all, half), partly(half, len(all)-1, len(all), all), honest(all)}, []string{"", rest, ""}},
		"no Content-Range":    {[]answer{breaking(all, half), says(206, all[half:]), honest(all)}, []string{"", rest, ""}},
		"another ETag":        {[]answer{breaking(all, half), says(206, all[half:], "ETag", `"x"`, "Content-Range", fmt.Sprintf("bytes %d-%d/%d", half, len(all)-1, len(all))), honest(all)}, []string{"", rest, ""}},
		"shorter now":         {[]answer{breaking(all, half), says(416, nil), honest(all)}, []string{"", rest, ""}},
		"damaged once":        {[]answer{says(200, all[1:]), honest(all)}, []string{"", ""}},
	} {
		t.Run(name, func(t *testing.T) {
			s := serve(t, c.answers...)
			path := filepath.Join(t.TempDir(), "file")
			result, err := Fetch(context.Background(), s.URL, path, md5Of(all), quick())
			expect(t, path, err, all)
			if result.Bytes != int64(len(all)) || result.Resumed != 0 {
				t.Errorf("result %+v", result)
			}
			if got := s.requests(); strings.Join(got, "|") != strings.Join(c.ranges, "|") {
				t.Errorf("asked for %q, want %q", got, c.ranges)
			}
		})
	}
}

func TestServersThatCannotBeUsed(t *testing.T) {
	all := content()
	for want, c := range map[string]struct {
		answer   answer
		requests int
		max      int64
	}{
		"answers 404 Not Found":                   {says(404, nil), 1, 0},
		"answers 403 Forbidden":                   {says(403, nil), 1, 0},
		"4 attempts in a row brought nothing new": {says(503, nil), 4, 0},
		"the MD5 begins with":                     {says(200, all[1:]), 2, 0},
		"in gzip, which was not asked for":        {says(200, all, "Content-Encoding", "gzip"), 1, 0},
		"more than 100 are refused":               {honest(all), 1, 100},
		`leads to "file:///etc/passwd"`:           {says(302, nil, "Location", "file:///etc/passwd"), 1, 0},
		"leads on and on, 10 times":               {says(302, nil, "Location", "/again"), 10, 0},
		"the disk has":                            {says(200, nil, "Content-Length", strconv.FormatInt(math.MaxInt64, 10)), 1, math.MaxInt64},
	} {
		s := serve(t, c.answer)
		path := filepath.Join(t.TempDir(), "file")
		o := quick()
		o.MaxBytes = c.max
		_, err := Fetch(context.Background(), s.URL, path, md5Of(all), o)
		if err == nil || !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), s.URL) {
			t.Errorf("error %v, want %q and the address", err, want)
		}
		if got := len(s.requests()); got != c.requests {
			t.Errorf("%s: %d requests, want %d", want, got, c.requests)
		}
		if left, _ := filepath.Glob(path + "*"); len(left) != 0 {
			t.Errorf("%s: left behind: %q", want, left)
		}
	}
}

func TestRedirects(t *testing.T) {
	all := content()
	other := serve(t, honest(all))
	s := serve(t, says(302, nil, "Location", other.URL))
	path := filepath.Join(t.TempDir(), "file")
	_, err := Fetch(context.Background(), s.URL, path, md5Of(all), quick())
	expect(t, path, err, all)

	secure := httptest.NewTLSServer(http.HandlerFunc(says(302, nil, "Location", other.URL)))
	defer secure.Close()
	o := quick()
	o.Client = secure.Client()
	o.Client.CheckRedirect = mayFollow
	if _, err := Fetch(context.Background(), secure.URL, path+"2", Sum{}, o); err == nil || !strings.Contains(err.Error(), "leads from https to") {
		t.Errorf("error %v", err)
	}
}

// What is no HTTP is quoted, but not all of it.
func TestGarbage(t *testing.T) {
	s := serve(t, func(w http.ResponseWriter, _ *http.Request) {
		connection, _, err := w.(http.Hijacker).Hijack()
		if err != nil {
			t.Error(err)
			return
		}
		_, _ = connection.Write(bytes.Repeat([]byte{'x'}, 5000))
		_ = connection.Close()
	})
	_, err := Fetch(context.Background(), s.URL, filepath.Join(t.TempDir(), "file"), Sum{}, quick())
	if err == nil || !strings.Contains(err.Error(), "malformed HTTP response") || !strings.HasSuffix(err.Error(), "xxx...") || len(err.Error()) > 600 {
		t.Errorf("error %v", err)
	}
}

// TestBodyWithoutEnd has a server that names no length and sends more than can be.
func TestBodyWithoutEnd(t *testing.T) {
	s := serve(t, func(w http.ResponseWriter, _ *http.Request) {
		for {
			if _, err := w.Write(make([]byte, 1<<16)); err != nil {
				return
			}
		}
	})
	o := quick()
	o.MaxBytes = 1 << 20
	path := filepath.Join(t.TempDir(), "file")
	if _, err := Fetch(context.Background(), s.URL, path, Sum{}, o); err == nil || !strings.Contains(err.Error(), "more than 1048576 are refused") {
		t.Errorf("error %v", err)
	}
}

func TestStall(t *testing.T) {
	all := content()
	stall := func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("ETag", `"`+md5Of(all).Prefix+`"`)
		w.Header().Set("Content-Length", strconv.Itoa(len(all)))
		_, _ = w.Write(all[:1000])
		w.(http.Flusher).Flush()
		<-r.Context().Done()
	}
	s := serve(t, stall, honest(all))
	o := quick()
	o.Stall = 100 * time.Millisecond
	path := filepath.Join(t.TempDir(), "file")
	_, err := Fetch(context.Background(), s.URL, path, md5Of(all), o)
	expect(t, path, err, all)
	if got := s.requests(); len(got) != 2 || got[1] != "bytes=1000-" {
		t.Errorf("asked for %q", got)
	}

	s = serve(t, func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() })
	o.Stall = 10 * time.Millisecond
	if _, err := Fetch(context.Background(), s.URL, path, Sum{}, o); err == nil || !strings.Contains(err.Error(), "no byte came for 10ms") {
		t.Errorf("error %v", err)
	}
}

// TestGoesOnInALaterCall stops a download in the middle and takes it up again.
func TestGoesOnInALaterCall(t *testing.T) {
	all := content()
	const first = 50_000
	s := serve(t, func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Range") != "" {
			honest(all)(w, r)
			return
		}
		w.Header().Set("ETag", `"`+md5Of(all).Prefix+`"`)
		w.Header().Set("Content-Length", strconv.Itoa(len(all)))
		_, _ = w.Write(all[:first])
		w.(http.Flusher).Flush()
		<-r.Context().Done()
	})
	path := filepath.Join(t.TempDir(), "file")
	ctx, stop := context.WithCancel(context.Background())
	o := quick()
	o.Progress = func(done, total int64) {
		if total != int64(len(all)) {
			t.Errorf("total %d", total)
		}
		if done == first {
			if _, err := Fetch(context.Background(), s.URL, path, md5Of(all), quick()); err == nil || !strings.Contains(err.Error(), "another process") {
				t.Errorf("a second one at the same time: %v", err)
			}
			stop()
		}
	}
	if _, err := Fetch(ctx, s.URL, path, md5Of(all), o); !errors.Is(err, context.Canceled) {
		t.Fatalf("stopped: %v", err)
	}
	result, err := Fetch(context.Background(), s.URL, path, md5Of(all), quick())
	expect(t, path, err, all)
	if result.Resumed != first {
		t.Errorf("%d bytes taken up, want %d", result.Resumed, first)
	}
	if got := s.requests(); len(got) != 2 || got[1] != "bytes=50000-" {
		t.Errorf("asked for %q", got)
	}
}

// TestForeignParts does not take up what came from elsewhere or may have changed.
func TestForeignParts(t *testing.T) {
	all := content()
	s := serve(t, honest(all))
	for name, about := range map[string]string{
		"none":         "",
		"damaged":      "{",
		"another file": `{"url":"http://localhost/other","etag":"\"x\"","total":200000}`,
		"no validator": `{"url":"` + s.URL + `","total":200000}`,
		"weak":         `{"url":"` + s.URL + `","etag":"W/\"x\"","total":200000}`,
		"too long":     `{"url":"` + s.URL + `","etag":"\"x\"","total":3}`,
	} {
		path := filepath.Join(t.TempDir(), "file")
		for file, text := range map[string]string{".part": "wrong", ".part.json": about} {
			if err := os.WriteFile(path+file, []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		_, err := Fetch(context.Background(), s.URL, path, md5Of(all), quick())
		expect(t, path, err, all)
		if got := s.requests(); got[len(got)-1] != "" {
			t.Errorf("%s: asked for %q", name, got[len(got)-1])
		}
	}
}

func TestVerify(t *testing.T) {
	path := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(path, content(), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := Verify(context.Background(), path, md5Of(content())); err != nil {
		t.Error(err)
	}
	if err := Verify(context.Background(), path, md5Of(nil)); err == nil || !strings.Contains(err.Error(), path) {
		t.Errorf("another file: %v", err)
	}
}

// FuzzAccept holds that no head of an answer moves what has come, or makes the rest begin elsewhere.
func FuzzAccept(f *testing.F) {
	f.Add(206, "bytes 10-19/20", `"x"`, "", int64(10))
	f.Add(206, "bytes 9-19/20", "", "", int64(11))
	f.Add(206, "bytes 10-999999999999999999/999999999999999999", "", "", int64(-1))
	f.Add(200, "", `W/"y"`, "9", int64(20))
	f.Add(416, "bytes */20", "", "", int64(0))
	f.Add(503, "", "", "-1", int64(0))
	path := filepath.Join(f.TempDir(), "file")
	file, err := os.Create(path)
	if err != nil {
		f.Fatal(err)
	}
	f.Cleanup(func() { _ = file.Close() })
	f.Fuzz(func(t *testing.T, status int, contentRange, etag, after string, length int64) {
		p := &partial{path: path, file: file, size: 10, from: identity{URL: "u", ETag: `"x"`, Total: 20}}
		header := http.Header{"Content-Range": {contentRange}, "Etag": {etag}, "Retry-After": {after}}
		end, err := quick().withDefaults().accept(p, &http.Response{StatusCode: status, Header: header, ContentLength: max(-1, length)})
		switch {
		case retryAfter(err) < 0 || retryAfter(err) > time.Hour:
			t.Errorf("waits for %v", retryAfter(err))
		case p.size != 0 && p.size != 10:
			t.Errorf("%d bytes are there", p.size)
		case err == nil && p.size == 10 && (end <= 10 || end > 20 || p.from.Total != 20):
			t.Errorf("the rest reaches to %d of %d", end, p.from.Total)
		case err == nil && p.size == 0 && (status != http.StatusOK || end != max(-1, length)):
			t.Errorf("all reaches to %d after status %d", end, status)
		}
	})
}
