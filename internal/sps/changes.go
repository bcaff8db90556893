// SPDX-License-Identifier: Apache-2.0

package sps

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"strings"

	"github.com/pam-operator/pam-operator/internal/rest"
)

// Change is one line of what a commit would do. The values are left out: they can hold secrets.
type Change struct {
	// Type is create, delete, reorder or replace.
	Type string `json:"type"`
	// Path is the appliance's path of what changes.
	Path string `json:"path"`
}

const changeDelete = "delete"

// Changes returns what a commit would change (sps contract 3).
func (t *Transaction) Changes(ctx context.Context) ([]Change, error) {
	if t.phase != phaseOpen {
		return nil, errEnded
	}
	req := transactionRequest(http.MethodGet)
	req.Path = append(req.Path, "changes")
	var list changeList
	defer func() { t.session.rest.Memory().Release(list.held) }()
	if err := t.session.rest.Stream(ctx, req, list.read); err != nil {
		return nil, at(stepRead, err)
	}
	if !list.there {
		return nil, at(stepRead, malformed(req, "the answer has no changes"))
	}
	return list.changes, nil
}

// changeOverhead is what a change takes beside its texts, in bytes.
const changeOverhead = 64

// changeList is read change by change: their values, which are left out, may be long.
type changeList struct {
	there   bool
	changes []Change
	held    int64
}

func (l *changeList) read(s *rest.Stream) error {
	return s.Members(func(name string) (err error) {
		if !strings.EqualFold(name, "changes") {
			return s.Skip()
		}
		l.there, err = s.Items(func() error { return l.change(s) })
		return err
	})
}

func (l *changeList) change(s *rest.Stream) error {
	var change Change
	if err := s.Value(&change); err != nil {
		return err
	}
	size := int64(len(change.Type)+len(change.Path)) + changeOverhead
	if err := s.Hold(size); err != nil {
		return err
	}
	l.changes, l.held = append(l.changes, change), l.held+size
	return nil
}

// listed is Changes, none where the appliance has no such list.
func (t *Transaction) listed(ctx context.Context) ([]Change, error) {
	changes, err := t.Changes(ctx)
	if answer := rest.As(err); answer != nil &&
		(answer.Status == http.StatusNotFound || answer.Status == http.StatusMethodNotAllowed) {
		return nil, nil
	}
	return changes, err
}

// ForeignChangesError says that a commit would change what this transaction did not write.
type ForeignChangesError struct {
	// Paths are those of the appliance, in its order.
	Paths []string
}

// maxPathsShown and maxPathShown bound the error text.
const (
	maxPathsShown = 10
	maxPathShown  = 256
)

// Error names the first paths.
func (e *ForeignChangesError) Error() string {
	more, most := "", min(len(e.Paths), maxPathsShown)
	if extra := len(e.Paths) - most; extra > 0 {
		more = fmt.Sprintf(" and %d more", extra)
	}
	shown := make([]string, 0, most)
	for _, path := range e.Paths[:most] {
		shown = append(shown, rest.Shorten(path, maxPathShown))
	}
	return "the transaction holds changes that are not ours: " + strings.Join(shown, ", ") + more
}

// foreign are the paths of changes that are neither ours nor follow from one of ours.
func (f *footprint) foreign(changes []Change) []string {
	var paths []string
	for _, change := range changes {
		if !f.covers(change) {
			paths = append(paths, change.Path)
		}
	}
	return paths
}

// covers says that the change is one of ours or follows from one: something inside an object, the order of a
// collection that gained or lost a member, the end of a password that its user gave up.
func (f *footprint) covers(change Change) bool {
	path := relative(change.Path)
	if f.collections[Collection(path)] {
		return true
	}
	if change.Type == changeDelete && f.collections[Users] && strings.HasPrefix(path, string(Passwords)+"/") {
		return true
	}
	own, _ := f.around(path)
	return own != nil
}

// around is the write of the object that a path means (exact) or leads into; nil if there is none.
func (f *footprint) around(path string) (own *ownWrite, exact bool) {
	for inside := path; ; {
		if own := f.objects[inside]; own != nil {
			return own, inside == path
		}
		end := strings.LastIndexByte(inside, '/')
		if end < 0 {
			return nil, false
		}
		inside = inside[:end]
	}
}

// relative is a path below /api/configuration, unescaped; the prefix may be missing.
func relative(path string) string {
	if plain, err := url.PathUnescape(path); err == nil {
		path = plain
	}
	path = strings.Trim(path, "/")
	for _, prefix := range []string{"api/", "configuration/"} {
		path = strings.TrimPrefix(path, prefix)
	}
	return path
}
