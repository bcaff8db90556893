// SPDX-License-Identifier: Apache-2.0

package sps

import (
	"bytes"
	"encoding/json"
	"errors"
)

// items are the objects of a list. They become records one by one while the list is decoded, so that not all their
// bodies are in memory at the same time.
type items struct {
	records []Record
	// fault is why the list makes no sense, if it makes none.
	fault  string
	shared *pattern
}

// UnmarshalJSON fails for what is no list of objects.
func (i *items) UnmarshalJSON(data []byte) error {
	decoder := json.NewDecoder(bytes.NewReader(data))
	if start, err := decoder.Token(); err != nil || start != json.Delim('[') {
		return errors.Join(err, errors.New("no list"))
	}
	i.records = []Record{}
	for decoder.More() {
		var item objectAnswer
		if err := decoder.Decode(&item); err != nil {
			return err
		}
		i.add(item)
	}
	return nil
}

func (i *items) add(item objectAnswer) {
	r, ok := Record{Key: item.Key}, true
	if hasBody(item.Body) {
		r, ok = record(item.Key, item.Body)
	}
	switch {
	case item.Key == "":
		i.fault = "an item of the answer has no key"
	case !ok:
		i.fault = "the body of an item of the answer is no object"
	}
	i.records = append(i.records, i.sharing(r))
}

func (i *items) sharing(r Record) Record {
	if i.shared == nil && r.known() {
		i.shared = r.pattern()
	}
	return r.sharing(i.shared)
}
