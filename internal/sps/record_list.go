// SPDX-License-Identifier: Apache-2.0

package sps

import (
	"strings"

	"github.com/pam-operator/pam-operator/internal/rest"
)

// recordList reads the objects of a list. It turns them into records one by one, so that at most one body is in memory
// as the appliance sent it.
type recordList struct {
	request rest.Request
	// there is set if the answer contained a list.
	there   bool
	records []Record
	// memory counts what the records take; reserved is how much that is.
	memory   *rest.Share
	reserved int64
}

// read reads the answer to a request for a collection.
func (i *recordList) read(s *rest.Stream) error {
	return s.Members(func(name string) error {
		if !strings.EqualFold(name, "items") {
			return s.Skip()
		}
		there, err := s.Items(func() error { return i.item(s) })
		i.there = i.there || there
		return err
	})
}

func (i *recordList) item(s *rest.Stream) error {
	var item objectAnswer
	if err := s.Value(&item); err != nil {
		return err
	}
	r := Record{Key: item.Key}
	switch {
	case item.Key == "":
		return malformed(i.request, "an item of the answer has no key")
	case !rest.IsIdentifier(item.Key, maxKey):
		return malformed(i.request, "an item of the answer has a key that is too long or has invalid characters")
	case hasBody(item.Body):
		var fault string
		if r, fault = record(item.Key, item.Body); fault != "" {
			return malformed(i.request, "the body of an item of the answer "+fault)
		}
	}
	if err := s.Reserve(r.Size()); err != nil {
		return err
	}
	i.reserved += r.Size()
	i.records = append(i.records, r)
	return nil
}

// complete reports whether all bodies are known.
func (i *recordList) complete() bool {
	for _, r := range i.records {
		if !r.known() {
			return false
		}
	}
	return true
}

// fill replaces a record by one whose body was read individually. Calls must not overlap.
func (i *recordList) fill(target *Record, full Record) error {
	more := full.Size() - target.Size()
	if more > 0 {
		if err := i.memory.Reserve(more); err != nil {
			return err
		}
		i.reserved += more
	}
	*target = full
	return nil
}
