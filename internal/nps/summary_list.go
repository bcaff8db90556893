// SPDX-License-Identifier: Apache-2.0

package nps

import (
	"encoding/json"
	"fmt"
	"strings"

	"github.com/pam-operator/pam-operator/internal/rest"
)

const (
	// maxListPages is the maximum number of pages of a list, as the server counts them.
	maxListPages = 1000
	// morePages is how many pages a list may grow by while it is read.
	morePages = 10
)

// summaryList is a list of sessions that is being read page by page and session by session.
type summaryList struct {
	request rest.Request
	match   func(Summary) bool
	// text is set if match looks for something specific: what may have it must not be missed.
	text string
	// skipped is told of records that cannot be used, and do not have the text.
	skipped func(position int)
	redact  func(string) string

	matches  []Summary
	seen     map[string]bool
	reserved int64
	skip     int
	// length, fresh and total are how many sessions the page has, how many of them are new, and how many there are in
	// all according to the server.
	length, fresh, total int
	// invalid is how many sessions of the page have no valid ID.
	invalid int
	// maxPages is how many pages are read at most, based on the server's first total.
	maxPages int
}

// read reads one page (docs/vendors/nps.md 5).
func (l *summaryList) read(s *rest.Stream) error {
	return s.Members(func(name string) error {
		switch {
		case strings.EqualFold(name, "data"):
			_, err := s.Items(func() error { return l.item(s) })
			return err
		case strings.EqualFold(name, "recordsTotal"):
			return s.Value(&l.total)
		}
		return s.Skip()
	})
}

func (l *summaryList) item(s *rest.Stream) error {
	var summary record
	if err := s.Value(&summary); err != nil {
		return err
	}
	l.length++
	if !summary.bound() {
		return l.unusable(summary)
	}
	if l.seen[summary.ID] {
		return nil
	}
	summary.StatusDescription = l.redact(summary.StatusDescription)
	size, wanted := int64(len(summary.ID)+idOverhead), l.match(summary.Summary)
	if wanted {
		size += summary.size()
	}
	if err := s.Reserve(size); err != nil {
		return err
	}
	l.reserved += size
	l.seen[summary.ID] = true
	l.fresh++
	if wanted {
		l.matches = append(l.matches, summary.Summary)
	}
	return nil
}

// record is a session of a list. Of one that has no valid ID, it has the text.
type record struct {
	Summary

	text string
}

// UnmarshalJSON never fails.
func (r *record) UnmarshalJSON(data []byte) error {
	err := r.Summary.UnmarshalJSON(data)
	if storable(r.ID) == "" {
		r.text = string(data)
	}
	return err
}

// has reports whether a text occurs in a record, in whatever way the server escapes it.
func (r *record) has(text string) bool {
	var value any
	if json.Unmarshal([]byte(r.text), &value) != nil {
		return true
	}
	var plain strings.Builder
	encoder := json.NewEncoder(&plain)
	encoder.SetEscapeHTML(false)
	return encoder.Encode(value) != nil || strings.Contains(plain.String(), text)
}

// unusable is the error of a record that cannot be used and may be what is looked for; nil if it is another one.
func (l *summaryList) unusable(r record) error {
	if l.text != "" && r.has(l.text) {
		return malformed(l.request, "a matching session has no valid ID")
	}
	l.invalid++ // it cannot be used, but the others can
	if l.skipped != nil {
		l.skipped(l.skip + l.length)
	}
	return nil
}

// ended reports whether the page was the last one. It fails if the list would not end, or not in a reasonable time:
// half a list proves nothing, and the caller would wait indefinitely.
func (l *summaryList) ended(page int) (bool, error) {
	l.skip += l.length // the server may cap the page size
	if l.length == 0 || l.skip >= l.total {
		return true, nil
	}
	if page == 1 {
		l.maxPages = 1 + l.total/l.length + morePages
	}
	switch {
	case l.fresh == 0 && l.invalid > 0:
		return false, malformed(l.request, "the sessions in the answer have no valid IDs")
	case l.fresh == 0:
		return false, malformed(l.request, "the list repeats itself")
	case page == 1 && l.total/l.length >= maxListPages:
		return false, malformed(l.request, fmt.Sprintf("the server has %d sessions, which is more than can be searched; "+
			"remove old ones, or use a dedicated account for the operator", l.total))
	case page >= l.maxPages:
		return false, malformed(l.request, "the list keeps growing while it is read")
	}
	return false, nil
}
