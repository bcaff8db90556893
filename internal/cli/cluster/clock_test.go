// SPDX-License-Identifier: Apache-2.0

package cluster

import (
	"net/http"
	"testing"
	"time"
)

type answers func(*http.Request) (*http.Response, error)

func (a answers) RoundTrip(r *http.Request) (*http.Response, error) { return a(r) }

func TestTheAPIServersClockCounts(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		ahead time.Duration
		code  int
		age   string
		want  time.Duration
	}{
		"ten minutes ahead":         {10 * time.Minute, 200, "", 10 * time.Minute},
		"two hours behind":          {-2 * time.Hour, 201, "", -2 * time.Hour},
		"in step":                   {time.Second, 200, "", 0},
		"of a proxy that says no":   {time.Hour, 502, "", 0},
		"in an answer from a cache": {time.Hour, 200, "60", 0},
	} {
		clock := &clock{}
		reader := &clockReader{clock: clock, next: answers(func(*http.Request) (*http.Response, error) {
			header := http.Header{"Date": {time.Now().Add(c.ahead).UTC().Format(http.TimeFormat)}}
			if c.age != "" {
				header.Set("Age", c.age)
			}
			return &http.Response{StatusCode: c.code, Header: header, Body: http.NoBody}, nil
		})}
		answer, err := reader.RoundTrip(nil)
		if err != nil {
			t.Fatal(err)
		}
		_ = answer.Body.Close()
		local := time.Date(2026, 1, 1, 12, 0, 0, 0, time.UTC)
		if got := clock.now(local).Sub(local); (got - c.want).Abs() > 2*time.Second {
			t.Errorf("%s: %s ahead, want %s", name, got, c.want)
		}
	}
}
