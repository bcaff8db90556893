// SPDX-License-Identifier: Apache-2.0

package sessions

import (
	"time"

	"k8s.io/apimachinery/pkg/types"

	"github.com/pam-operator/pam-operator/internal/nps"
)

// Followed is a session whose changes an object wants to be notified of.
type Followed struct {
	Object types.NamespacedName
	// RequestID is the request id in the notes of the object's sessions.
	RequestID string
	// SessionID is the object's session; empty if it has none, in which case any session of the request is a change.
	SessionID string
	// Status is the last known state of the session. It says which list should contain it.
	Status nps.Status
	// FastFrom is when the session is expected to change; zero if it may stay as it is for long.
	FastFrom time.Time
	// Over says that the object's session is over and that only duplicates of it are looked for: at leisure, unless
	// Pressing says that one is likely.
	Over, Pressing bool
	// Until is when the search for duplicates of a session that is over ends.
	Until time.Time
}

// Departed is a request whose object is gone although a session of it may still appear. Such a session is ended.
type Departed struct {
	Object types.NamespacedName
	// Connection is the one that it was requested through; for the audit trail.
	Connection types.NamespacedName
	UID        types.UID
	RequestID  string
	// Kept is the id of the one session of the request that is to live on; empty if there is none.
	Kept string
	// Pressing says that such a session is likely: the request was sent more than once, or was not answered.
	Pressing bool
	// Until is when the request is forgotten.
	Until time.Time
}
