// SPDX-License-Identifier: Apache-2.0

package sps

import (
	"strings"

	"github.com/pam-operator/pam-operator/internal/rest"
)

// items are the objects of a list. They become records one by one while the list is read, so that no more than one of
// their bodies is in memory as the appliance sent it.
type items struct {
	request rest.Request
	// there says that the answer had a list at all.
	there   bool
	records []Record
	shared  *pattern
	// memory is where what the records take is counted, and held is how much that is.
	memory *rest.Share
	held   int64
}

// read takes the answer to a request for a collection apart.
func (i *items) read(s *rest.Stream) error {
	return s.Members(func(name string) error {
		if !strings.EqualFold(name, "items") {
			return s.Skip()
		}
		there, err := s.Items(func() error { return i.item(s) })
		i.there = i.there || there
		return err
	})
}

func (i *items) item(s *rest.Stream) error {
	var item objectAnswer
	if err := s.Value(&item); err != nil {
		return err
	}
	r := Record{Key: item.Key}
	switch {
	case item.Key == "":
		return malformed(i.request, "an item of the answer has no key")
	case !rest.IsIdentifier(item.Key, maxKey):
		return malformed(i.request, "the key of an item of the answer is too long, or has characters that a key has not")
	case hasBody(item.Body):
		var fault string
		if r, fault = record(item.Key, item.Body); fault != "" {
			return malformed(i.request, "the body of an item of the answer "+fault)
		}
	}
	r = i.sharing(r)
	if err := s.Hold(r.Size()); err != nil {
		return err
	}
	i.held += r.Size()
	i.records = append(i.records, r)
	return nil
}

// complete says that all bodies are known.
func (i *items) complete() bool {
	for _, r := range i.records {
		if !r.known() {
			return false
		}
	}
	return true
}

// fill puts a record whose body was read alone in its place. The caller sees to it that only one is put at a time.
func (i *items) fill(place *Record, full Record) error {
	full = i.sharing(full)
	more := full.Size() - place.Size()
	if more > 0 {
		if err := i.memory.Hold(more); err != nil {
			return err
		}
		i.held += more
	}
	*place = full
	return nil
}

func (i *items) sharing(r Record) Record {
	if i.shared == nil && r.known() {
		i.shared = r.pattern()
	}
	return r.sharing(i.shared)
}
