// SPDX-License-Identifier: Apache-2.0

package nps

import (
	"unicode/utf8"

	"github.com/pam-operator/pam-operator/internal/rest"
)

// Limits on what is kept of a server's answers, in bytes. Nothing real comes near them; a server that sends more is
// broken or hostile.
const (
	// DefaultMaxAnswer bounds an answer: a page of a list with its sessions, or a session.
	DefaultMaxAnswer = 16 << 20
	// maxID is for the IDs of sessions and platforms, which are GUIDs. They are stored, and never shortened.
	maxID = 64
	// maxName is for names, maxNote for notes and tickets, maxMessage for texts that are only displayed.
	maxName    = 1 << 10
	maxNote    = 8 << 10
	maxMessage = 1 << 10
	// maxToken, maxRDPFile, maxURL and maxPassword are for what is passed on unchanged.
	maxToken    = 16 << 10
	maxRDPFile  = 256 << 10
	maxURL      = 8 << 10
	maxPassword = 64 << 10
)

// maxMinutes and maxExtensions bound numbers, so that arithmetic with them does not overflow.
const (
	maxMinutes    = 10 * 366 * 24 * 60
	maxExtensions = 1 << 20
)

// cut returns the beginning of a name that is compared with ours and not shown as it is. A name that is shortened is
// never one of ours.
func cut(name string) string {
	if len(name) <= maxName {
		return name
	}
	end := maxName
	for end > 0 && !utf8.RuneStart(name[end]) {
		end--
	}
	return string([]byte(name[:end])) // a copy, so that the long text does not stay in memory
}

// tail returns the end of a note, where the operator writes.
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

func clamp(n, most int) int { return min(max(n, 0), most) }

// storable returns an ID, or nothing if it cannot be stored.
func storable(id string) string {
	if rest.IsIdentifier(id, maxID) {
		return id
	}
	return ""
}

// bound limits the size of a session, and reports whether its ID can be stored.
func (s *Session) bound() bool {
	for _, text := range []*string{
		&s.ActivityID, &s.ManagedResourceID, &s.CredentialID, &s.AccessPolicyID, &s.LoginAccountName, &s.Ticket,
		&s.CancelledBy,
	} {
		*text = cut(*text)
	}
	s.Note = tail(s.Note)
	s.ExtensionCount = clamp(s.ExtensionCount, maxExtensions)
	s.ExtensionMinutes = clamp(s.ExtensionMinutes, maxMinutes)
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
		p.MaxSessionLength = clamp(p.MaxSessionLength, maxMinutes)
	}
	if s.Activity != nil {
		s.Activity.PlatformID = storable(s.Activity.PlatformID)
	}
	if s.ManagedResource != nil {
		s.ManagedResource.PlatformID = storable(s.ManagedResource.PlatformID)
	}
	return rest.IsIdentifier(s.ID, maxID)
}

// bound limits the size of a summary, and reports whether its ID can be stored.
func (s *Summary) bound() bool {
	for _, text := range []*string{
		&s.ManagedAccountID, &s.ActivityID, &s.ActivityName, &s.ManagedResourceID, &s.ManagedResourceName,
		&s.AccessPolicyID, &s.LoginAccountName, &s.Ticket,
	} {
		*text = cut(*text)
	}
	s.Note = tail(s.Note)
	s.ExtensionCount = clamp(s.ExtensionCount, maxExtensions)
	s.ExtensionMinutes = clamp(s.ExtensionMinutes, maxMinutes)
	s.PlatformID = storable(s.PlatformID)
	return rest.IsIdentifier(s.ID, maxID)
}

// summaryOverhead is what a summary takes in addition to its texts, and idOverhead what a remembered ID takes, in
// bytes.
const (
	summaryOverhead = 640
	idOverhead      = 64
)

// size estimates the memory of a summary, in bytes.
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
