// SPDX-License-Identifier: Apache-2.0

package sps

import (
	"slices"
	"time"
)

// Values of Switches.TransactionShape.
const (
	// ShapeTransaction answers GET /api/transaction with {"transaction":{"status":...}}.
	ShapeTransaction = "transaction"
	// ShapeBody answers it with {"body":{"status":...,"commit_message":...}}.
	ShapeBody = "body"
)

// Values of Switches.LoginMethodsPath: where log-in methods are announced.
const (
	LoginTypes   = "types"
	LoginMethods = "login_methods"
)

// Values of Switches.MembersShape: how GET shows the members of a user group.
const (
	MembersNames = "names"
	MembersKeys  = "keys"
	MembersRefs  = "refs"
)

// Values of Switches.OverlappingCommit: what becomes of a commit whose objects somebody else changed meanwhile.
const (
	OverlapRefuse          = "Refuse"
	OverlapLastWriterWins  = "LastWriterWins"
	OverlapRefuseAnyChange = "RefuseAnyChange" // also when only other objects changed
)

// Values of Switches.Changes: what /api/transaction/changes names of an object that comes or goes. The form of its
// paths is inferred (sps contract 3).
const (
	ChangesObjects     = "Objects"
	ChangesCollections = "Collections" // the collection, and not the object
	ChangesNone        = "None"        // there is no such list: 404
)

// Values of Switches.ForeignLockAt and Refusal.At: when a change is refused.
const (
	AtWrite  = "Write"
	AtCommit = "Commit"
)

// Values of Switches.RemainingSeconds: when answers carry meta.remaining_seconds.
const (
	RemainingAlways    = "Always"
	RemainingWhileOpen = "WhileOpen"
	RemainingNever     = "Never"
)

// Switches are the behaviours that differ between versions, or that the contract leaves open ("Open questions").
// In JSON, durations are texts like "20ms"; members that a document leaves out keep their value.
type Switches struct {
	// FirmwareVersion is what /api/info reports.
	FirmwareVersion string `json:"firmwareVersion"`
	// ConfigHash makes /api/info report config_hash.
	ConfigHash bool `json:"configHash"`
	// Roles are the node's roles in a cluster, as /api/info reports them.
	Roles []string `json:"roles"`
	// SetupStatus is what /api/setup reports.
	SetupStatus string `json:"setupStatus"`

	// AutoOpen lets the first change open the transaction (sps contract 3; from 6.5).
	AutoOpen bool `json:"autoOpen"`
	// ExclusiveLock lets one holder at a time, of whatever kind, change the configuration (sps contract 3; before 6.5).
	// Without it REST transactions live side by side, and only persons (web UI, SSH) lock them out.
	ExclusiveLock bool `json:"exclusiveLock"`
	// ForeignLockAt is when a person's lock refuses a REST client: Write (opening included) or Commit.
	ForeignLockAt string `json:"foreignLockAt"`
	// LockStatus and LockType are the answer to a change while somebody else holds the configuration (Q1).
	LockStatus int    `json:"lockStatus"`
	LockType   string `json:"lockType"`
	// LockMute leaves the holder, and every word of a lock, out of that answer.
	LockMute bool `json:"lockMute"`
	// OverlappingCommit is one of the Overlap values (Q2).
	OverlappingCommit string `json:"overlappingCommit"`
	// TransactionShape is ShapeTransaction or ShapeBody.
	TransactionShape string `json:"transactionShape"`
	// OpenStatus answers POST /api/transaction; ReopenStatus the same while one is open: 409, or 200 (Q5).
	OpenStatus   int `json:"openStatus"`
	ReopenStatus int `json:"reopenStatus"`
	// HTTP411 refuses a POST of a transaction that announces no length.
	HTTP411 bool `json:"http411"`
	// RequireCommitMessage demands a message, as the object management/accounting can do too. Only with ShapeBody.
	RequireCommitMessage bool `json:"requireCommitMessage"`
	// CommitMessageMembers are the names under which a message is accepted (Q4).
	CommitMessageMembers []string `json:"commitMessageMembers"`
	// EmptyCommitStatus answers PUT /api/transaction while none is open: 409 (sps contract 2), or 200, which commits
	// nothing.
	EmptyCommitStatus int `json:"emptyCommitStatus"`
	// Changes is one of the Changes values.
	Changes string `json:"changes"`
	// MemberChanges makes /api/transaction/changes list replaced members instead of replaced objects.
	MemberChanges bool `json:"memberChanges"`
	// ReorderChanges makes it also list the new order of collections that grew or shrank.
	ReorderChanges bool `json:"reorderChanges"`

	// ListBodies puts the body into list items (Q20).
	ListBodies bool `json:"listBodies"`
	// MembersShape is one of the Members values (Q6).
	MembersShape string `json:"membersShape"`
	// RemainingSeconds is one of the Remaining values.
	RemainingSeconds string `json:"remainingSeconds"`
	// NormaliseNetworks clears the host bits of network.clients and network.targets, so that what is stored is not what
	// was sent, and a replace that differs in them alone changes nothing (the contract's sample keeps them).
	NormaliseNetworks bool `json:"normaliseNetworks"`
	// NormaliseSpelling are Normalise values: what has several spellings is stored in one of them. The contract does not
	// say that the appliance keeps what it is sent.
	NormaliseSpelling []string `json:"normaliseSpelling"`
	// Strict refuses unknown and missing members (Q8).
	Strict bool `json:"strict"`
	// RequiredMembers are further members that every RDP connection policy must carry and that stored ones show as
	// {"enabled":false} (Q7); a client that does not know them can only copy them from a policy.
	RequiredMembers []string `json:"requiredMembers"`
	// OptionalMembers are further members that a policy may carry.
	OptionalMembers []string `json:"optionalMembers"`
	// RemovedMembers are members of the 6.0.4 policy that this version no longer knows.
	RemovedMembers []string `json:"removedMembers"`
	// AAPluginCollection is what policies.aa_plugin refers to (Q22).
	AAPluginCollection string `json:"aaPluginCollection"`
	// AnalyticsCollection is what policies.analytics_policy refers to: analytics (sps contract 5, S2) or
	// policies/analytics (POL).
	AnalyticsCollection string `json:"analyticsCollection"`
	// ListX509 lets GET list the certificates.
	ListX509 bool `json:"listX509"`

	// LoginMethodsPath is LoginTypes or LoginMethods (sps contract 1.7).
	LoginMethodsPath string `json:"loginMethodsPath"`
	// LoginMethods are the names that login_method accepts.
	LoginMethods []string `json:"loginMethods"`
	// RequireLoginMethod fails log-ins that name no method, as an appliance with an external default back end does.
	RequireLoginMethod bool `json:"requireLoginMethod"`
	// X509 permits log-in by client certificate.
	X509 bool `json:"x509"`
	// TicketCookie sends a second cookie with the log-in (sps contract 1.3).
	TicketCookie bool `json:"ticketCookie"`
	// LogOut offers DELETE /api/authentication (Q11).
	LogOut bool `json:"logOut"`
	// XToken demands the X-Token header of user agents that look like a browser (sps contract 1.15).
	XToken bool `json:"xToken"`
	// SessionIdleSeconds ends idle log-in sessions; 0 follows management/webinterface, which starts at 10 minutes.
	SessionIdleSeconds int `json:"sessionIdleSeconds"`
	// BruteForce blocks an address or a user after BruteForceAttempts failures, for BruteForceMinutes (sps contract 1.13).
	BruteForce         bool `json:"bruteForce"`
	BruteForceAttempts int  `json:"bruteForceAttempts"`
	BruteForceMinutes  int  `json:"bruteForceMinutes"`
	// ReadOnlyUsers may log in and read; changes are answered 403 Unauthorized.
	ReadOnlyUsers []string `json:"readOnlyUsers"`

	// ActiveSessions offers DELETE /api/active-sessions.
	ActiveSessions bool `json:"activeSessions"`
	// ActiveSessionsError makes it fail with this type of the contract's section 8, for example MinionUnavailable.
	ActiveSessionsError string `json:"activeSessionsError"`
	// ServerUsernameText makes the search show user.server_username as a text; otherwise it is a list of texts (sps
	// contract 8).
	ServerUsernameText bool `json:"serverUsernameText"`
	// SearchLag makes the search show ended sessions as still active.
	SearchLag bool `json:"searchLag"`

	// WriteDelay is what one POST, PUT or DELETE of an object takes; those of one log-in session queue up.
	WriteDelay time.Duration `json:"-"`
	// CommitNeedsClient has a commit end unfinished when its client goes away meanwhile; otherwise it goes on (the
	// contract does not say).
	CommitNeedsClient bool `json:"commitNeedsClient"`

	// CommitDelay is what one commit takes.
	CommitDelay time.Duration `json:"-"`
}

// defaultSwitches are the switches of a version, as the contract's section "Suggested simulator switches" has them.
func defaultSwitches(version string) Switches {
	v := parseRelease(version)
	s := Switches{
		FirmwareVersion: v.firmware(), ConfigHash: true, SetupStatus: "completed", Roles: []string{},
		AutoOpen: v.atLeast(6, 5), ExclusiveLock: !v.atLeast(6, 5),
		ForeignLockAt: AtWrite, LockStatus: 409, LockType: "ConfigurationLocked",
		OverlappingCommit: OverlapRefuse, TransactionShape: ShapeTransaction,
		OpenStatus: 200, ReopenStatus: 409, HTTP411: true, EmptyCommitStatus: 409, Changes: ChangesObjects,
		CommitMessageMembers: []string{"commit_message", "message"},
		ListBodies:           v.atLeast(7, 3), MembersShape: MembersRefs, RemainingSeconds: RemainingWhileOpen, Strict: true,
		AAPluginCollection: "plugins/aa", AnalyticsCollection: analyticsCollections[0],
		LoginMethodsPath: LoginTypes, LoginMethods: []string{"local"}, X509: true, TicketCookie: v.atLeast(7, 3),
		XToken: v.atLeast(7, 5), BruteForce: true, BruteForceAttempts: 20, BruteForceMinutes: 10,
		ActiveSessions: v.atLeast(7, 0),
	}
	if !v.atLeast(6, 5) {
		s.RemainingSeconds = RemainingAlways // as the 6.0.4 samples show
	}
	if v.atLeast(6, 5) { // POL is of 6.13; where it begins is not told
		s.AnalyticsCollection = analyticsCollections[1]
	}
	if v.atLeast(7, 0) {
		s.AAPluginCollection, s.LoginMethodsPath = "policies/aa_plugin_instances", LoginMethods
	}
	if v.atLeast(8, 0) {
		s.TransactionShape, s.OptionalMembers = ShapeBody, []string{"override_log_level"}
	}
	return s
}

func (s Switches) clone() Switches {
	s.CommitMessageMembers = slices.Clone(s.CommitMessageMembers)
	s.RequiredMembers = slices.Clone(s.RequiredMembers)
	s.OptionalMembers = slices.Clone(s.OptionalMembers)
	s.RemovedMembers = slices.Clone(s.RemovedMembers)
	s.LoginMethods = slices.Clone(s.LoginMethods)
	s.NormaliseSpelling = slices.Clone(s.NormaliseSpelling)
	s.ReadOnlyUsers = slices.Clone(s.ReadOnlyUsers)
	return s
}
