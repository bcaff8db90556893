// SPDX-License-Identifier: Apache-2.0

package rest_test

import (
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/pam-operator/pam-operator/internal/rest"
)

// list reads {"items": [{"a": ...}]} and returns the values of a; only those that are kept are counted.
func list(ctx context.Context, client *rest.Client, keep bool) (out []string, there bool, err error) {
	err = client.Stream(ctx, get("x"), func(s *rest.Stream) error {
		return s.Members(func(name string) error {
			if name != "items" {
				return s.Skip()
			}
			there, err = s.Items(func() error {
				var item struct{ A string }
				if err := s.Value(&item); err != nil || !keep {
					return err
				}
				out = append(out, item.A)
				return s.Reserve(int64(len(item.A)))
			})
			return err
		})
	})
	return out, there, err
}

func TestStream(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		body  string
		want  []string
		null  bool
		wrong bool // not the expected JSON
	}{
		"a list":                      {body: `{"items":[{"a":"1"},{"a":"2"}]}`, want: []string{"1", "2"}},
		"an empty list":               {body: `{"items":[]}`},
		"members around it":           {body: ` {"m":{"x":[1]},"items":[{"a":"1"}],"n":null} `, want: []string{"1"}},
		"null in the place of a list": {body: `{"items":null}`, null: true},
		"no list at all":              {body: `{}`, null: true},
		"a page of a front end":       {body: `<html>`, wrong: true},
		"nothing":                     {wrong: true},
		"an item of another type":     {body: `{"items":[{"a":1}]}`, wrong: true},
		"an object for a list":        {body: `{"items":{}}`, wrong: true},
		"a list for an object":        {body: `[]`, wrong: true},
		"cut off in a list":           {body: `{"items":[{"a":"1"}`, wrong: true},
		"cut off before the end":      {body: `{"items":[]`, wrong: true},
		"something behind it":         {body: `{"items":[]}{}`, wrong: true},
		"nested without end":          {body: `{"items":` + strings.Repeat("[", 100_000), wrong: true},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			client := serve(t, answer(http.StatusOK, tc.body), nil)
			got, there, err := list(t.Context(), client, true)
			if tc.wrong {
				if !errors.Is(err, rest.ErrMalformedAnswer) {
					t.Fatalf("got %v, %v", got, err)
				}
				return
			}
			if err != nil || there == tc.null {
				t.Fatalf("there %t, %v", there, err)
			}
			if diff := cmp.Diff(tc.want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// endless repeats a text until the reader stops.
func endless(begin, again string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		_, err := io.WriteString(w, begin)
		for block := strings.Repeat(again, 1+(32<<10)/len(again)); err == nil; {
			_, err = io.WriteString(w, block)
		}
	}
}

func TestAnswersWithoutEnd(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		handler http.HandlerFunc
		what    string
	}{
		"a list":           {handler: endless(`{"items":[`, `{"a":"`+strings.Repeat("x", 500)+`"},`), what: "the answer"},
		"one text":         {handler: endless(`{"items":[{"a":"`, "x"), what: "an object in the answer"},
		"blanks":           {handler: endless(`{"items":[`, " "), what: "an object in the answer"},
		"a skipped member": {handler: endless(`{"m":[`, "1,"), what: "an object in the answer"},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			share := rest.NewBudget(64<<20).Share("", 1<<20, "spec.limits.x")
			client := serve(t, tc.handler, func(cfg *rest.Config) { cfg.Memory, cfg.MaxBody = share, 128<<10 })
			_, _, err := list(t.Context(), client, false)
			got, ok := errors.AsType[*rest.TooLargeError](err)
			if !ok || got.What != tc.what {
				t.Fatalf("got %v", err)
			}
			if rest.As(err) == nil || !strings.Contains(err.Error(), got.Error()) || !rest.IsOutcomeUnknown(err) {
				t.Errorf("the error does not say so: %v", err)
			}
			if used := share.Used(); used != 0 {
				t.Errorf("%d bytes stay counted", used)
			}
		})
	}
}

func TestAListMayBeMuchLongerThanWhatIsInMemory(t *testing.T) {
	const items, each = 20_000, 3000 // 60 MB
	share := rest.NewBudget(1<<20).Share("", 64<<20, "")
	client := serve(t, func(w http.ResponseWriter, _ *http.Request) {
		item := fmt.Sprintf(`{"a":%q}`, strings.Repeat("x", each))
		_, _ = io.WriteString(w, `{"items":[`+item)
		for range items - 1 {
			_, _ = io.WriteString(w, ","+item)
		}
		_, _ = io.WriteString(w, "]}")
	}, func(cfg *rest.Config) { cfg.Memory = share })
	if _, _, err := list(t.Context(), client, false); err != nil {
		t.Error(err)
	}
}

// bomb is an answer of a few KB that decompresses to a huge one.
func bomb(t *testing.T) http.HandlerFunc {
	t.Helper()
	var packed bytes.Buffer
	w := gzip.NewWriter(&packed)
	if _, err := w.Write(bytes.Repeat([]byte(" "), 32<<20)); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Encoding", "gzip")
		if strings.HasSuffix(r.URL.Path, "error") {
			w.WriteHeader(http.StatusBadRequest)
		}
		_, _ = w.Write(packed.Bytes())
	}
}

func TestPackedAnswersAreNotUnpacked(t *testing.T) {
	var asked string
	handler := bomb(t)
	client := serve(t, func(w http.ResponseWriter, r *http.Request) {
		asked = r.Header.Get("Accept-Encoding")
		handler(w, r)
	}, func(cfg *rest.Config) { cfg.DecodeError = decode })
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	_, _, listed := list(t.Context(), client, true)
	_, err := client.Do(t.Context(), get("x"))
	_, refusal := client.Do(t.Context(), get("error"))
	runtime.ReadMemStats(&after)
	for _, err := range []error{listed, err} {
		if !errors.Is(err, rest.ErrMalformedAnswer) {
			t.Errorf("got %v", err)
		}
	}
	if !rest.IsRejected(refusal) {
		t.Errorf("got %v", refusal)
	}
	if got := after.TotalAlloc - before.TotalAlloc; got > 8<<20 {
		t.Errorf("%d bytes were allocated", got)
	}
	if asked != "identity" {
		t.Errorf("the server may pack: %q", asked)
	}
}

func TestErrorPagesWithoutEnd(t *testing.T) {
	t.Parallel()
	read := 0
	client := serve(t, func(w http.ResponseWriter, r *http.Request) {
		w.WriteHeader(http.StatusBadRequest)
		endless("Code|words ", "x")(w, r)
	}, func(cfg *rest.Config) {
		cfg.DecodeError = func(h http.Header, body []byte) rest.ErrorDetails { read = len(body); return decode(h, body) }
	})
	_, err := client.Do(t.Context(), get("x"))
	if !rest.IsRejected(err) || rest.As(err).Code != "Code" || read > 64<<10 || len(err.Error()) > 1200 {
		t.Errorf("%d bytes were read: %.100v", read, err)
	}
}

func TestHeadersWithoutEnd(t *testing.T) {
	t.Parallel()
	client := serve(t, func(w http.ResponseWriter, _ *http.Request) {
		for i := range 1000 {
			w.Header().Set(fmt.Sprintf("X-%d", i), strings.Repeat("x", 1000))
		}
	}, nil)
	if _, err := client.Do(t.Context(), get("x")); err == nil || rest.As(err) == nil {
		t.Errorf("got %v", err)
	}
}

// FuzzStream decodes arbitrary answers.
func FuzzStream(f *testing.F) {
	for _, seed := range []string{
		`{"items":[{"a":"1"}]}`, `{"items":null,"items":[{}]}`, `[`, `{"items":[[[[`, "\xff", `{"a":"\u0000`,
	} {
		f.Add([]byte(seed))
	}
	share := (*rest.Budget)(nil).Share("", 1<<20, "")
	body := make(chan []byte, 1)
	client, err := rest.NewClient(rest.Config{
		URL: "https://sps.example.com", Memory: share,
		Authenticate: func(http.RoundTripper) http.RoundTripper {
			return roundTripper(func(*http.Request) (*http.Response, error) {
				w := httptest.NewRecorder()
				_, _ = w.Write(<-body)
				return w.Result(), nil
			})
		},
	})
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		body <- data
		got, there, err := list(t.Context(), client, true)
		if err != nil && rest.As(err) == nil {
			t.Errorf("%v is no error of a call", err)
		}
		if err == nil && len(got) > 0 && !there {
			t.Error("items of no list")
		}
		share.Release(share.Used())
	})
}

type roundTripper func(*http.Request) (*http.Response, error)

func (r roundTripper) RoundTrip(req *http.Request) (*http.Response, error) { return r(req) }
