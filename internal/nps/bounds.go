// SPDX-License-Identifier: Apache-2.0

package nps

import (
	"bytes"
	"encoding/json"
	"errors"
	"unicode/utf8"

	"github.com/pam-operator/pam-operator/internal/rest"
)

// How much is kept of what a server says, in bytes. Nothing that is real comes near; a server that says more is broken,
// or means harm.
const (
	// DefaultMaxAnswer bounds an answer: a page of a list with its sessions, or a session.
	DefaultMaxAnswer = 16 << 20
	// maxID is for the ids of sessions and platforms, which are GUIDs. They are stored, and not cut.
	maxID = 64
	// maxName is for names, maxNote for notes and tickets, maxWords for what is for people only.
	maxName  = 1 << 10
	maxNote  = 8 << 10
	maxWords = 1 << 10
	// maxToken, maxRDPFile, maxURL and maxPassword are for what is handed on as it is.
	maxToken    = 16 << 10
	maxRDPFile  = 256 << 10
	maxURL      = 8 << 10
	maxPassword = 64 << 10
	// maxProxySessions and maxPolicies are how many there are in one answer.
	maxProxySessions = 100
	maxPolicies      = 1000
)

// maxMinutes and maxExtensions bound numbers, so that arithmetic with them does not overflow.
const (
	maxMinutes    = 10 * 366 * 24 * 60
	maxExtensions = 1 << 20
)

// cut keeps the beginning of a name that is compared with ours, and not shown as it is. Where something is cut, it is
// none of ours.
func cut(name string) string {
	if len(name) <= maxName {
		return name
	}
	end := maxName
	for end > 0 && !utf8.RuneStart(name[end]) {
		end--
	}
	return string([]byte(name[:end])) // not a part of the long text, which would stay in memory
}

// tail keeps the end of a note, where the operator writes.
func tail(note string) string {
	from := len(note) - maxNote
	if from <= 0 {
		return note
	}
	for from < len(note) && !utf8.RuneStart(note[from]) {
		from++
	}
	return string([]byte(note[from:]))
}

func within(n, most int) int { return min(max(n, 0), most) }

// storable is an id, or nothing if it cannot be stored.
func storable(id string) string {
	if rest.IsIdentifier(id, maxID) {
		return id
	}
	return ""
}

// bound makes a session small. It says whether its id can be stored.
func (s *Session) bound() bool {
	for _, text := range []*string{
		&s.ActivityID, &s.ManagedResourceID, &s.CredentialID, &s.AccessPolicyID, &s.LoginAccountName, &s.Ticket,
		&s.CancelledBy,
	} {
		*text = cut(*text)
	}
	s.Note = tail(s.Note)
	s.ExtensionCount = within(s.ExtensionCount, maxExtensions)
	s.ExtensionMinutes = within(s.ExtensionMinutes, maxMinutes)
	if len(s.CustomFields) > maxNote {
		s.CustomFields = nil
	}
	if a := s.Activity; a != nil {
		a.ID, a.Name, a.PlatformID = cut(a.ID), cut(a.Name), cut(a.PlatformID)
	}
	if r := s.ManagedResource; r != nil {
		for _, text := range []*string{&r.ID, &r.Name, &r.DisplayName, &r.PlatformID, &r.IPAddress, &r.HostID} {
			*text = cut(*text)
		}
	}
	if p := s.Profile; p != nil {
		p.MaxSessionLength = within(p.MaxSessionLength, maxMinutes)
		p.ExtensionMinutes = within(p.ExtensionMinutes, maxMinutes)
		p.ExtensionCount = within(p.ExtensionCount, maxExtensions)
		p.ExpirationThreshold = within(p.ExpirationThreshold, maxMinutes)
	}
	if s.Activity != nil {
		s.Activity.PlatformID = storable(s.Activity.PlatformID)
	}
	if s.ManagedResource != nil {
		s.ManagedResource.PlatformID = storable(s.ManagedResource.PlatformID)
	}
	return rest.IsIdentifier(s.ID, maxID)
}

// bound makes a summary small. It says whether its id can be stored.
func (s *Summary) bound() bool {
	for _, text := range []*string{
		&s.ManagedAccountID, &s.ActivityID, &s.ActivityName, &s.ManagedResourceID, &s.ManagedResourceName,
		&s.AccessPolicyID, &s.LoginAccountName, &s.Ticket,
	} {
		*text = cut(*text)
	}
	s.Note = tail(s.Note)
	s.ExtensionCount = within(s.ExtensionCount, maxExtensions)
	s.ExtensionMinutes = within(s.ExtensionMinutes, maxMinutes)
	s.PlatformID = storable(s.PlatformID)
	return rest.IsIdentifier(s.ID, maxID)
}

// summaryOverhead is what a summary takes beside its texts, and idOverhead what an id takes that is remembered, in
// bytes.
const (
	summaryOverhead = 640
	idOverhead      = 64
)

// size is about how much memory a summary takes, in bytes.
func (s *Summary) size() int64 {
	n := summaryOverhead
	for _, text := range []string{
		s.ID, s.StatusDescription, s.ManagedAccountID, s.ActivityID, s.ActivityName, s.ManagedResourceID,
		s.ManagedResourceName, s.AccessPolicyID, s.PlatformID, s.LoginAccountName, s.Note, s.Ticket,
	} {
		n += len(text)
	}
	return int64(n)
}

// few decodes the first items of a list and leaves out the others: a list of empty objects takes many times as much
// memory as its text.
func few[T any](data []byte, most int) ([]T, error) {
	decoder := json.NewDecoder(bytes.NewReader(data))
	start, err := decoder.Token()
	if err != nil || start == nil {
		return nil, err
	}
	if start != json.Delim('[') {
		return nil, errNoList
	}
	var out []T
	for decoder.More() && len(out) < most {
		var item T
		err := decoder.Decode(&item)
		if _, ok := errors.AsType[*json.UnmarshalTypeError](err); ok {
			continue // it is no reason to lose the others
		}
		if err != nil {
			return nil, err
		}
		out = append(out, item)
	}
	return out, nil
}

// UnmarshalJSON reads the first ones.
func (p *ProxySessions) UnmarshalJSON(data []byte) (err error) {
	*p, err = few[ProxySession](data, maxProxySessions)
	for i := range *p {
		(*p)[i].ID, (*p)[i].Type = cut((*p)[i].ID), cut((*p)[i].Type)
	}
	return err
}
