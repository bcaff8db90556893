// SPDX-License-Identifier: Apache-2.0

package rest

import (
	"io"
	"net/http"
	"strings"
)

const (
	// maxErrorBody is how much of an unsuccessful answer is read, in bytes.
	maxErrorBody = 64 << 10
	// maxHeader bounds the header of an answer, in bytes.
	maxHeader = 64 << 10
	// uncounted is how much of an answer is not counted, in bytes: ordinary answers must not fail because of large
	// ones, and are too small for their number to matter.
	uncounted = 16 << 10
)

// boundedBody reads an answer. Its length, and how much of it is in memory at a time, are bounded and counted.
type boundedBody struct {
	source io.Reader
	share  *Share
	// max is how long the answer may be, window how much of it may be in memory at a time, in bytes.
	max, window int64
	// read is how much was read, done how much of that is no longer needed, reserved how much is counted.
	read, done, reserved int64
	// err is why reading failed; not io.EOF.
	err error
}

func (c *Client) bounded(resp *http.Response) *boundedBody {
	b := &boundedBody{source: resp.Body, share: c.cfg.Memory, window: c.cfg.MaxBody, max: c.cfg.MaxBody}
	if b.share != nil {
		b.max = b.share.Max()
		b.window = min(b.window, b.max)
	}
	return b
}

// Read fails with a *TooLargeError beyond the limits.
func (b *boundedBody) Read(into []byte) (int, error) {
	if b.err != nil {
		return 0, b.err
	}
	// One extra byte distinguishes an answer that is too long from one that just fits.
	into = into[:min(int64(len(into)), max(1, b.window-(b.read-b.done)))]
	n, err := b.source.Read(into)
	b.read += int64(n)
	if limit := b.exceeded(); limit != nil {
		b.err = limit
		return 0, b.err
	}
	if b.err = b.count(); b.err != nil {
		return 0, b.err
	}
	if err != nil && err != io.EOF {
		b.err = err
	}
	return n, err
}

func (b *boundedBody) exceeded() error {
	field := ""
	if b.share != nil {
		field = b.share.field
	}
	switch {
	case b.read > b.max:
		return &TooLargeError{What: "the answer", Limit: b.max, Field: field}
	case b.read-b.done > b.window && b.window == b.max:
		return &TooLargeError{What: "the answer", Limit: b.window, Field: field}
	case b.read-b.done > b.window:
		return &TooLargeError{What: "an object in the answer", Limit: b.window}
	}
	return nil
}

// count reserves what is in memory. While a buffer grows it is in memory twice.
func (b *boundedBody) count() error {
	wanted := 2 * (b.read - b.done)
	if wanted <= max(b.reserved, uncounted) {
		return nil
	}
	if err := b.share.Reserve(wanted - b.reserved); err != nil {
		return err
	}
	b.reserved = wanted
	return nil
}

// release returns what was reserved.
func (b *boundedBody) release() {
	b.share.Release(b.reserved)
	b.reserved = 0
}

// compressed reports whether an answer is compressed although that was not requested: a few bytes could expand to
// gigabytes.
func compressed(resp *http.Response) bool {
	for _, encoding := range resp.Header.Values("Content-Encoding") {
		if encoding = strings.TrimSpace(encoding); encoding != "" && !strings.EqualFold(encoding, "identity") {
			return true
		}
	}
	return false
}
