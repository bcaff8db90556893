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

// Change is one entry of what a commit would change. Values are left out: they can contain secrets.
type Change struct {
	// Type is create, delete, reorder or replace.
	Type string `json:"type"`
	// Path is the appliance's path of the changed object or member.
	Path string `json:"path"`
}

const changeDelete = "delete"

// Changes returns what a commit would change (docs/vendors/sps.md 3).
func (t *Transaction) Changes(ctx context.Context) ([]Change, error) {
	if t.phase != phaseOpen {
		return nil, errEnded
	}
	req := transactionRequest(operationChanges, http.MethodGet)
	req.Path = append(req.Path, "changes")
	var list changeList
	defer func() { t.session.rest.Memory().Release(list.reserved) }()
	if err := t.session.rest.Stream(ctx, req, list.read); err != nil {
		return nil, atStep(stepRead, err)
	}
	if !list.there {
		return nil, atStep(stepRead, malformed(req, "the answer has no changes"))
	}
	return list.changes, nil
}

// changeOverhead is what a change takes in addition to its texts, in bytes.
const changeOverhead = 64

// changeList reads changes one by one, because their values, which it drops, may be long.
type changeList struct {
	there    bool
	changes  []Change
	reserved int64
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
	if err := s.Reserve(size); err != nil {
		return err
	}
	l.changes, l.reserved = append(l.changes, change), l.reserved+size
	return nil
}

// changesIfSupported is Changes, but returns none if the appliance does not have the list.
func (t *Transaction) changesIfSupported(ctx context.Context) ([]Change, error) {
	changes, err := t.Changes(ctx)
	if answer := rest.As(err); answer != nil &&
		(answer.Status == http.StatusNotFound || answer.Status == http.StatusMethodNotAllowed) {
		return nil, nil
	}
	return changes, err
}

// ForeignChangesError means that a commit would change something that this transaction did not write.
type ForeignChangesError struct {
	// Paths are the appliance's paths, in its order.
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
	return "the transaction contains changes that are not ours: " + strings.Join(shown, ", ") + more
}

// foreign returns the paths of changes that are neither ours nor caused by ours.
func (f *footprint) foreign(changes []Change) []string {
	var paths []string
	for _, change := range changes {
		if !f.covers(change) {
			paths = append(paths, change.Path)
		}
	}
	return paths
}

// covers reports whether the change is one of ours or caused by one: something inside an object, the order of a
// collection that gained or lost a member, or the deletion of a password that its user no longer has.
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

// around returns the write of the object that a path names (exact) or lies within; nil if there is none.
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

// relative returns a path relative to /api/configuration, unescaped; the prefix may be missing.
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
