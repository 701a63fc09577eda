// SPDX-FileCopyrightText: The mlperf-ssd authors
// SPDX-License-Identifier: Apache-2.0

package download

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// errStall is why a silent connection is given up.
type errStall time.Duration

func (e errStall) Error() string { return fmt.Sprintf("no byte came for %v", time.Duration(e)) }

// statusError is an answer other than success.
type statusError struct {
	status string
	after  time.Duration
}

func (e statusError) Error() string { return "the server answers " + e.status }

func retryAfter(err error) time.Duration {
	var status statusError
	errors.As(err, &status)
	return status.after
}

// attempt asks once for what is missing. Without an error all of it is there.
func (o Options) attempt(ctx context.Context, p *partial) error {
	if p.size > 0 && p.size == p.from.Total { // an earlier call ended before it could say so
		return nil
	}
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	alarm := time.AfterFunc(o.Stall, func() { cancel(errStall(o.Stall)) })
	defer alarm.Stop()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, p.from.URL, nil)
	if err != nil {
		return permanent{err}
	}
	request.Header.Set("Accept-Encoding", "identity")
	if p.size > 0 {
		request.Header.Set("Range", fmt.Sprintf("bytes=%d-", p.size))
		request.Header.Set("If-Range", p.from.validator())
	}
	response, err := o.Client.Do(request)
	if err != nil {
		return because(ctx, cutError{err})
	}
	defer func() { _ = response.Body.Close() }()
	end, err := o.accept(p, response)
	if err != nil || p.size == end {
		return err
	}
	return because(ctx, o.receive(p, response.Body, end, alarm))
}

// mayFollow refuses, for good, what a server should not lead to.
func mayFollow(next *http.Request, earlier []*http.Request) error {
	const most = 10
	from := earlier[len(earlier)-1].URL
	switch {
	case len(earlier) == most:
		return permanent{fmt.Errorf("the server leads on and on, %d times", most)}
	case next.URL.Scheme != "https" && next.URL.Scheme != "http":
		return permanent{fmt.Errorf("the server leads to %.200q, which is no web address", next.URL)}
	case from.Scheme == "https" && next.URL.Scheme == "http":
		return permanent{fmt.Errorf("the server leads from https to %.200q, which anybody on the way can change", next.URL)}
	}
	return nil
}

// cutError is an error that may quote an answer of any length.
type cutError struct{ error }

func (e cutError) Unwrap() error { return e.error }

func (e cutError) Error() string {
	const most = 400 // bytes
	if text := e.error.Error(); len(text) > most {
		return strings.ToValidUTF8(text[:most], "") + "..."
	}
	return e.error.Error()
}

// because gives the stall as the cause of an error, if it is.
func because(ctx context.Context, err error) error {
	var stall errStall
	if err != nil && errors.As(context.Cause(ctx), &stall) {
		return stall
	}
	return err
}

// accept judges the head of an answer and makes p ready for its body. The body reaches to byte end of
// the file; -1: to wherever it ends.
func (o Options) accept(p *partial, r *http.Response) (end int64, err error) {
	if encoding := r.Header.Get("Content-Encoding"); encoding != "" && encoding != "identity" {
		return 0, permanent{fmt.Errorf("the server answers in %s, which was not asked for", encoding)}
	}
	switch {
	case r.StatusCode == http.StatusOK:
		from := identity{p.from.URL, r.Header.Get("ETag"), r.Header.Get("Last-Modified"), r.ContentLength}
		if err := o.bounded(r.ContentLength); err != nil {
			return 0, err
		}
		if err := p.begin(from); err != nil {
			return 0, err
		}
		return r.ContentLength, p.room(max(0, r.ContentLength))
	case r.StatusCode == http.StatusPartialContent && p.size > 0:
		return o.acceptRange(p, r)
	case r.StatusCode == http.StatusRequestedRangeNotSatisfiable && p.size > 0:
		return 0, errors.Join(errors.New("the server has fewer bytes than came: the file has changed"), p.discard())
	}
	problem := statusError{status: r.Status}
	if seconds, err := strconv.Atoi(r.Header.Get("Retry-After")); err == nil && seconds > 0 {
		problem.after = time.Duration(min(seconds, 3600)) * time.Second
	}
	switch r.StatusCode {
	case http.StatusRequestTimeout, http.StatusTooManyRequests, http.StatusTooEarly:
		return 0, problem
	}
	if r.StatusCode >= 500 {
		return 0, problem
	}
	return 0, permanent{problem}
}

func (o Options) bounded(total int64) error {
	if total > o.MaxBytes {
		return permanent{fmt.Errorf("the file has %d bytes: more than %d are refused", total, o.MaxBytes)}
	}
	return nil
}

// acceptRange judges an answer that says to go on at p.size. After a lie all starts anew.
func (o Options) acceptRange(p *partial, r *http.Response) (int64, error) {
	text := r.Header.Get("Content-Range")
	parts := regexp.MustCompile(`^bytes (\d{1,18})-(\d{1,18})/(\d{1,18})$`).FindStringSubmatch(text)
	if parts == nil {
		return 0, errors.Join(fmt.Errorf("the server answers a range without saying which: Content-Range is %q", text), p.discard())
	}
	var n [3]int64
	for i := range n {
		n[i], _ = strconv.ParseInt(parts[i+1], 10, 64) // at most 18 digits
	}
	first, last, total := n[0], n[1], n[2]
	etag := r.Header.Get("ETag")
	switch {
	case first != p.size || last < first || last >= total,
		p.from.Total >= 0 && total != p.from.Total,
		r.ContentLength >= 0 && r.ContentLength != last-first+1:
		return 0, errors.Join(fmt.Errorf("the server answers %q, %d bytes long, to bytes %d to %d", text, r.ContentLength, p.size, p.from.Total), p.discard())
	case etag != "" && p.from.ETag != "" && etag != p.from.ETag:
		return 0, errors.Join(errors.New("the file has changed on the server"), p.discard())
	}
	if err := o.bounded(total); err != nil {
		return 0, err
	}
	p.from.Total = total
	return last + 1, p.room(total - p.size)
}

// receive writes the body to p.
func (o Options) receive(p *partial, body io.Reader, end int64, alarm *time.Timer) error {
	buffer := make([]byte, 1<<18)
	for {
		n, err := body.Read(buffer)
		alarm.Reset(o.Stall)
		if end >= 0 && int64(n) > end-p.size {
			return errors.Join(fmt.Errorf("more bytes come than the %d that the server has named", end), p.discard())
		}
		if _, writeErr := p.Write(buffer[:n]); writeErr != nil {
			return writeErr
		}
		if err := o.bounded(p.size); err != nil {
			return errors.Join(err, p.discard())
		}
		o.Progress(p.size, p.from.Total)
		switch {
		case errors.Is(err, io.EOF):
			return p.complete(end)
		case err != nil:
			return fmt.Errorf("after %d bytes: %w", p.size, err)
		}
	}
}

// complete tells whether all is there when the body has ended.
func (p *partial) complete(end int64) error {
	if p.size < end || p.size < p.from.Total {
		return fmt.Errorf("the answer ends after %d of %d bytes", p.size, max(end, p.from.Total))
	}
	return nil
}
