// SPDX-License-Identifier: Apache-2.0

package nps

import (
	"slices"
	"time"
)

// session is one activity session.
type session struct {
	id          string
	creator     *account // the owner of the token that created it
	owner       *account // whom it is for: the managed account
	fromAddress string
	groupID     string
	configID    string // each session has its own copy of the profile (docs/vendors/nps.md 4.3)
	activity    *Activity
	policy      *Policy
	target      target
	note        *string
	ticket      *string
	fields      []customField
	modified    time.Time

	life        lifecycle
	extensions  int
	locked      bool
	cancelledBy *account
	byOperator  bool // cancelled by hand, not through the API
	decision    *decision
	listCalls   int // how many list calls there had been at its creation
}

// decision is an approver's decision.
type decision struct {
	at       time.Time
	approver *account // nil: by hand, not through the API
	approved bool
	notes    string
}

// customField is one value as the API writes and reads it (docs/vendors/nps.md 4.1).
type customField struct {
	PolicyID string          `json:"policyId"`
	DataType CustomFieldType `json:"customFieldDataType"`
	Name     string          `json:"name"`
	Value    string          `json:"value"`
}

// mine reports whether a session was created by or for an account.
func (x *session) mine(who *account) bool { return x.creator == who || x.owner == who }

// extensionsLeft is the value of sessionExtensionCount.
func (x *session) extensionsLeft(falls bool) int {
	if falls {
		return max(x.policy.Profile.ExtensionCount-x.extensions, 0)
	}
	return x.policy.Profile.ExtensionCount
}

func (x *session) loginName() string {
	if x.target.credential != nil {
		return x.target.credential.Username
	}
	switch x.activity.LoginAccount {
	case LoginRequester:
		return x.owner.samName()
	case LoginActivityToken:
		return x.owner.samName() + "-act"
	case LoginResource:
		return "root"
	case LoginVault:
		return "vault"
	case LoginManaged:
	}
	return x.owner.samName() + "-nps"
}

// sessionStore holds the sessions in order of creation, and what lists need in order to lag.
type sessionStore struct {
	byID      map[string]*session
	inOrder   []*session
	listCalls int
	listTimes []time.Time // of the latest list calls, oldest first
}

// maxLagCalls is how many list calls a list can lag behind.
const maxLagCalls = 255

func newSessionStore() sessionStore { return sessionStore{byID: map[string]*session{}} }

func (st *sessionStore) add(x *session) {
	x.listCalls = st.listCalls
	st.byID[x.id] = x
	st.inOrder = append(st.inOrder, x)
}

func (st *sessionStore) remove(x *session) {
	delete(st.byID, x.id)
	st.inOrder = slices.DeleteFunc(st.inOrder, func(y *session) bool { return x == y })
}

// view is what one list call can see: the state as of a given time, and only sessions older than a given number of list
// calls.
type view struct {
	at    time.Time
	calls int
}

func (v view) shows(x *session) bool { return x.listCalls < v.calls && !x.life.created.After(v.at) }

// look counts a list call and returns what it can see.
func (st *sessionStore) look(now time.Time, sw *Switches) view {
	st.listCalls++
	st.listTimes = append(st.listTimes, now)
	if extra := len(st.listTimes) - maxLagCalls - 1; extra > 0 {
		st.listTimes = slices.Delete(st.listTimes, 0, extra)
	}
	v := view{at: now.Add(-time.Duration(sw.ListLag)), calls: st.listCalls}
	if lag := min(sw.ListLagCalls, maxLagCalls); lag > 0 {
		v.calls -= lag
		if i := len(st.listTimes) - 1 - lag; i >= 0 && st.listTimes[i].Before(v.at) {
			v.at = st.listTimes[i]
		}
	}
	return v
}
