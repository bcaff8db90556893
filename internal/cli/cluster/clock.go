// SPDX-License-Identifier: Apache-2.0

package cluster

import (
	"net/http" //nolint:depguard // the answers of the API server are read here
	"sync/atomic"
	"time"

	"k8s.io/client-go/rest"
)

// clockNoise is how much two clocks may differ that agree: a Date is cut to seconds, and answers take time.
const clockNoise = 3 * time.Second

// clock is how far the API server's clock is ahead of this machine's, as the latest answer says. The operator writes
// its times by the former, or by one in step with it; the latter may be hours behind after a suspended machine has
// woken up.
type clock struct{ ahead atomic.Int64 }

// now is a time of this machine's clock by the API server's.
func (c *clock) now(local time.Time) time.Time { return local.Add(time.Duration(c.ahead.Load())) }

// watch has every answer read.
func (c *clock) watch(config *rest.Config) {
	config.Wrap(func(next http.RoundTripper) http.RoundTripper { return &clockReader{next, c} })
}

type clockReader struct {
	next  http.RoundTripper
	clock *clock
}

// RoundTrip reads the Date of an answer. A proxy that answers in the API server's place does not count.
func (r *clockReader) RoundTrip(request *http.Request) (*http.Response, error) {
	answer, err := r.next.RoundTrip(request)
	if err != nil || answer.StatusCode >= http.StatusMultipleChoices || answer.Header.Get("Age") != "" {
		return answer, err
	}
	date, unreadable := http.ParseTime(answer.Header.Get("Date"))
	if unreadable != nil {
		return answer, nil //nolint:nilerr // the clock stays as it was
	}
	ahead := time.Until(date)
	if ahead.Abs() <= clockNoise {
		ahead = 0
	}
	r.clock.ahead.Store(int64(ahead))
	return answer, nil
}

// Now is a time of this machine's clock by the API server's, as far as that is known.
func (c *Client) Now(local time.Time) time.Time { return c.clock.now(local) }
