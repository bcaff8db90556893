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

// Verify compares what a commit would change with what was written through t; anything else is a
// *ForeignChangesError. An appliance without the list of changes passes.
func (t *Transaction) Verify(ctx context.Context) error {
	changes, err := t.Changes(ctx)
	if answer := rest.As(err); answer != nil &&
		(answer.Status == http.StatusNotFound || answer.Status == http.StatusMethodNotAllowed) {
		return nil
	}
	if err != nil {
		return err
	}
	var foreign []string
	for _, change := range changes {
		if !t.own.covers(change) {
			foreign = append(foreign, change.Path)
		}
	}
	if len(foreign) > 0 {
		return &ForeignChangesError{Paths: foreign}
	}
	return nil
}

// footprint is where a transaction wrote: paths relative to /api/configuration.
type footprint struct {
	objects     map[string]bool
	collections map[Collection]bool
}

// addObject notes a write of an object that stays.
func (f *footprint) addObject(collection Collection, key string) {
	if f.objects == nil {
		f.objects, f.collections = map[string]bool{}, map[Collection]bool{}
	}
	f.objects[string(collection)+"/"+key] = true
	if collection == Users {
		f.collections[Users] = true
	}
}

// addMember notes an object that its collection has gained or lost.
func (f *footprint) addMember(collection Collection, key string) {
	f.addObject(collection, key)
	f.collections[collection] = true
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
	for !f.objects[path] {
		end := strings.LastIndexByte(path, '/')
		if end < 0 {
			return false
		}
		path = path[:end]
	}
	return true
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
