// SPDX-License-Identifier: Apache-2.0

package changefeed

import (
	"errors"
	"io"
	"net/http"

	"k8s.io/client-go/metadata"
	"k8s.io/client-go/rest"
)

const (
	// maxPage is how many objects a page has at most.
	maxPage = 500
	// maxPageBytes is how long a page with several objects may be. Anyone may write 256 KiB of annotations per object.
	maxPageBytes = 2 << 20
)

// errPageTooLong means that fewer objects have to be asked for at a time.
var errPageTooLong = errors.New("the page is too long")

// NewClient returns a client for feeds: it bounds how much of a list is in memory at a time.
func NewClient(config *rest.Config, client *http.Client) (metadata.Interface, error) {
	bounded, next := *client, client.Transport
	if next == nil {
		next = http.DefaultTransport
	}
	bounded.Transport = roundTripper(func(r *http.Request) (*http.Response, error) {
		response, err := next.RoundTrip(r)
		if limit := r.URL.Query().Get("limit"); err == nil && limit != "" && limit != "1" {
			response.Body = &page{ReadCloser: response.Body, left: maxPageBytes}
		}
		return response, err
	})
	return metadata.NewForConfigAndClient(config, &bounded)
}

type roundTripper func(*http.Request) (*http.Response, error)

func (f roundTripper) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

// page is the body of a page. It fails where the page becomes too long.
type page struct {
	io.ReadCloser

	left int
}

func (p *page) Read(into []byte) (int, error) {
	n, err := p.ReadCloser.Read(into)
	if p.left -= n; p.left < 0 {
		return 0, errPageTooLong
	}
	return n, err
}
