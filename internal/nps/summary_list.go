// SPDX-License-Identifier: Apache-2.0

package nps

import (
	"fmt"
	"strings"

	"github.com/pam-operator/pam-operator/internal/rest"
)

const (
	// maxPages is how many pages a list may have at most, as the server counts them.
	maxPages = 1000
	// morePages is how many pages a list may grow by while it is read.
	morePages = 10
)

// summaryList is a list of sessions while it is read, page by page and session by session.
type summaryList struct {
	request rest.Request
	keep    func(Summary) bool
	// exact says that keep knows what it looks for: what it wants must not be missed.
	exact bool
	clean func(string) string

	kept []Summary
	seen map[string]bool
	held int64
	skip int
	// length, fresh and total are how many sessions the page has, how many of them are new, and how many sessions there
	// are in all, as the server says.
	length, fresh, total int
	// broken is how many of the page have no id, or one that is none.
	broken int
	// most is how many pages are read at most, by what the server said at first.
	most int
}

// read takes one page apart (nps contract 5).
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
	var summary Summary
	if err := s.Value(&summary); err != nil {
		return err
	}
	l.length++
	if !summary.bound() {
		if l.exact && l.keep(summary) {
			return malformed(l.request, "a session that was looked for has no id, or one that is none")
		}
		l.broken++ // nothing can be done to it; the others are not lost with it
		return nil
	}
	if l.seen[summary.ID] {
		return nil
	}
	summary.StatusDescription = l.clean(summary.StatusDescription)
	size, wanted := int64(len(summary.ID)+idOverhead), l.keep(summary)
	if wanted {
		size += summary.size()
	}
	if err := s.Hold(size); err != nil {
		return err
	}
	l.held += size
	l.seen[summary.ID] = true
	l.fresh++
	if wanted {
		l.kept = append(l.kept, summary)
	}
	return nil
}

// ended says whether the page was the last one. It is an error if the list cannot come to an end, or would take too
// long: half a list proves nothing, and its caller would wait for ever.
func (l *summaryList) ended(page int) (bool, error) {
	l.skip += l.length // the server may cap what is asked for
	if l.length == 0 || l.skip >= l.total {
		return true, nil
	}
	if page == 1 {
		l.most = 1 + l.total/l.length + morePages
	}
	switch {
	case l.fresh == 0 && l.broken > 0:
		return false, malformed(l.request, "the sessions in the answer have no ids, or such that are none")
	case l.fresh == 0:
		return false, malformed(l.request, "the list repeats itself")
	case page == 1 && l.total/l.length >= maxPages:
		return false, malformed(l.request, fmt.Sprintf("the server has %d sessions, which is more than can be looked at; "+
			"remove old ones, or use an account of its own for the operator", l.total))
	case page >= l.most:
		return false, malformed(l.request, "the list grows while it is read and has no end")
	}
	return false, nil
}
