// SPDX-License-Identifier: Apache-2.0

package rest

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
)

// Stream reads a JSON answer piece by piece, so that at most one piece of it is in memory.
type Stream struct {
	body    *boundedBody
	decoder *json.Decoder
	// malformed is set if the answer is not the expected JSON.
	malformed bool
}

// errUnexpected ends reading an unexpected answer.
var errUnexpected = errors.New("not the JSON that was expected")

// Stream sends the request and passes the answer to read. An error of read itself is returned unchanged; an answer that
// is not the JSON that read expects is an *Error, as with DoJSON.
func (c *Client) Stream(ctx context.Context, req Request, read func(*Stream) error) error {
	req = acceptingJSON(req)
	return c.exchange(ctx, req, func(ctx context.Context, httpReq *http.Request, resp *http.Response) error {
		body := c.bounded(resp)
		defer body.release()
		s := &Stream{body: body, decoder: json.NewDecoder(body)}
		err := read(s)
		if err == nil {
			err = s.end()
		}
		switch {
		case body.err != nil:
			return c.bodyError(ctx, httpReq, resp, body.err)
		case s.malformed:
			return malformedAnswer(req, resp.StatusCode)
		}
		return err
	})
}

// Members reads an object and calls read for each of its members, which must call Value, Items or Skip once.
func (s *Stream) Members(read func(name string) error) error {
	if err := s.delimiter('{'); err != nil {
		return err
	}
	for s.decoder.More() {
		token, err := s.decoder.Token()
		name, ok := token.(string)
		if err != nil || !ok {
			return s.unexpected()
		}
		s.consumed()
		if err := read(name); err != nil {
			return err
		}
	}
	return s.delimiter('}')
}

// Items reads a list and calls read for each item, which must call Value or Skip once. there is false if the list is
// null.
func (s *Stream) Items(read func() error) (there bool, err error) {
	token, err := s.decoder.Token()
	switch {
	case err == nil && token == nil:
		return false, nil
	case err != nil || token != json.Delim('['):
		return false, s.unexpected()
	}
	s.consumed()
	for s.decoder.More() {
		if err := read(); err != nil {
			return true, err
		}
	}
	return true, s.delimiter(']')
}

// Value decodes one value.
func (s *Stream) Value(into any) error {
	if err := s.decoder.Decode(into); err != nil {
		return s.unexpected()
	}
	s.consumed()
	return nil
}

// Skip reads one value and discards it.
func (s *Stream) Skip() error { return s.Value(new(nothing)) }

// Reserve counts what is kept of the answer beyond its end; see Share.Reserve. The caller must release it.
func (s *Stream) Reserve(bytes int64) error {
	err := s.body.share.Reserve(bytes)
	if err != nil && s.body.err == nil {
		s.body.err = err
	}
	return err
}

func (s *Stream) delimiter(want json.Delim) error {
	if token, err := s.decoder.Token(); err != nil || token != want {
		return s.unexpected()
	}
	s.consumed()
	return nil
}

// end fails if anything but blanks follows the value.
func (s *Stream) end() error {
	if _, err := s.decoder.Token(); err != io.EOF {
		return s.unexpected()
	}
	return nil
}

func (s *Stream) consumed() { s.body.done = s.decoder.InputOffset() }

func (s *Stream) unexpected() error {
	s.malformed = true
	return errUnexpected
}

// nothing can be decoded from any value.
type nothing struct{}

// UnmarshalJSON discards the value.
func (*nothing) UnmarshalJSON([]byte) error { return nil }
