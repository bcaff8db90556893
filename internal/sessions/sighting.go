// SPDX-License-Identifier: Apache-2.0

package sessions

import (
	"time"

	"github.com/pam-operator/pam-operator/internal/nps"
)

// Sighting is what is known of a session, from a list or from the session itself.
type Sighting struct {
	Session nps.Session
	// At is when the server was asked.
	At time.Time
	// Whole says that the session was read by its id, so that it has the members that summaries lack.
	Whole bool
	// Guessed says that the list did not give the state in a known form; the state is then that of the list.
	Guessed bool
}

// sighting is a Sighting, with what the poller needs to recognise a change.
type sighting struct {
	Sighting
	// listed is what the last list said. A list that lags repeats it for a while although the session was read since.
	listed facts
	// read is when the session was last read by its id.
	read time.Time
	// filter is the list in which the session was last seen.
	filter nps.StatusFilter
	// absent says that the list that should contain the session does not.
	absent bool
	// size is the memory counted for it, in bytes; 0 for one that an object follows, or that was read by its id.
	size int64
}

// sightingOverhead is what a sighting takes in addition to its texts, in bytes.
const sightingOverhead = 1 << 10

// sizeOf estimates the memory of a sighting of a session from a list, in bytes.
func sizeOf(s nps.Session) int64 {
	n := sightingOverhead
	texts := []string{s.ID, s.StatusDescription, s.ActivityID, s.AccessPolicyID, s.LoginAccountName, s.Note, s.Ticket}
	if s.Activity != nil {
		texts = append(texts, s.Activity.Name)
	}
	if s.ManagedResource != nil {
		texts = append(texts, s.ManagedResource.ID, s.ManagedResource.Name)
	}
	for _, text := range texts {
		n += len(text)
	}
	return int64(n)
}

// facts are the members whose change is a change of the session. Descriptions are free text, and may count seconds.
type facts struct {
	status                           nps.Status
	start, end, began, ended         int64
	account                          string
	locked, extensible               bool
	extensionCount, extensionMinutes int
}

func factsOf(s nps.Session) facts {
	return facts{
		status: s.Status, start: s.ScheduledStart.UnixNano(), end: s.ScheduledEnd.UnixNano(),
		began: s.ActualStart.UnixNano(), ended: s.ActualEnd.UnixNano(), account: s.LoginAccountName, locked: s.Locked,
		extensible: s.AllowExtension, extensionCount: s.ExtensionCount, extensionMinutes: s.ExtensionMinutes,
	}
}
