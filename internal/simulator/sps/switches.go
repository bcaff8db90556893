// SPDX-License-Identifier: Apache-2.0

package sps

import (
	"slices"
	"time"
)

// Values of Switches.TransactionShape.
const (
	// ShapeTransaction makes GET /api/transaction return {"transaction":{"status":...}}.
	ShapeTransaction = "transaction"
	// ShapeBody makes it return {"body":{"status":...,"commit_message":...}}.
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

// Values of Switches.OverlappingCommit: what happens to a commit whose objects another client has changed meanwhile.
const (
	OverlapRefuse          = "Refuse"
	OverlapLastWriterWins  = "LastWriterWins"
	OverlapRefuseAnyChange = "RefuseAnyChange" // also if only other objects changed
)

// Values of Switches.Changes: how /api/transaction/changes shows an added or removed object. The format of its paths is
// inferred (docs/vendors/sps.md 3).
const (
	ChangesObjects     = "Objects"
	ChangesCollections = "Collections" // the collection rather than the object
	ChangesNone        = "None"        // there is no such list: 404
)

// Values of Switches.ForeignLockAt and Refusal.At: when a change is refused.
const (
	AtWrite  = "Write"
	AtCommit = "Commit"
)

// Values of Switches.RemainingSeconds: when responses carry meta.remaining_seconds.
const (
	RemainingAlways    = "Always"
	RemainingWhileOpen = "WhileOpen"
	RemainingNever     = "Never"
)

// Switches are the behaviours that differ between versions, or that nobody knows: Q1 and so on are the questions in
// docs/vendors/sps.md. In JSON, durations are text such as "20ms"; omitted members keep their values.
type Switches struct {
	// FirmwareVersion is the version in /api/info.
	FirmwareVersion string `json:"firmwareVersion"`
	// ConfigHash makes /api/info report config_hash.
	ConfigHash bool `json:"configHash"`
	// Roles are the node's roles in a cluster, as /api/info reports them.
	Roles []string `json:"roles"`
	// SetupStatus is the status in /api/setup.
	SetupStatus string `json:"setupStatus"`

	// AutoOpen lets the first change open the transaction (docs/vendors/sps.md 3; from 6.5).
	AutoOpen bool `json:"autoOpen"`
	// ExclusiveLock lets only one holder of any kind change the configuration at a time (docs/vendors/sps.md 3; before
	// 6.5). Without it REST transactions coexist, and only users of the web UI or SSH lock them out.
	ExclusiveLock bool `json:"exclusiveLock"`
	// ForeignLockAt is when a user's lock refuses a REST client: Write (opening included) or Commit.
	ForeignLockAt string `json:"foreignLockAt"`
	// LockStatus and LockType are the response to a change while another user holds the configuration (Q1).
	LockStatus int    `json:"lockStatus"`
	LockType   string `json:"lockType"`
	// LockMute omits the holder, and any mention of a lock, from that response.
	LockMute bool `json:"lockMute"`
	// OverlappingCommit is one of the Overlap values (Q2).
	OverlappingCommit string `json:"overlappingCommit"`
	// TransactionShape is ShapeTransaction or ShapeBody.
	TransactionShape string `json:"transactionShape"`
	// OpenStatus is the status of POST /api/transaction; ReopenStatus the same if one is already open: 409, or 200 (Q5).
	OpenStatus   int `json:"openStatus"`
	ReopenStatus int `json:"reopenStatus"`
	// HTTP411 refuses a POST of a transaction without a content length.
	HTTP411 bool `json:"http411"`
	// RequireCommitMessage requires a message, as the object management/accounting can too. Only with ShapeBody.
	RequireCommitMessage bool `json:"requireCommitMessage"`
	// CommitMessageMembers are the member names under which a message is accepted (Q4).
	CommitMessageMembers []string `json:"commitMessageMembers"`
	// EmptyCommitStatus is the status of PUT /api/transaction without an open one: 409 (docs/vendors/sps.md 2), or 200,
	// which commits nothing.
	EmptyCommitStatus int `json:"emptyCommitStatus"`
	// Changes is one of the Changes values.
	Changes string `json:"changes"`
	// MemberChanges makes /api/transaction/changes list replaced members instead of replaced objects.
	MemberChanges bool `json:"memberChanges"`
	// ReorderChanges makes it also list the new order of collections that grew or shrank.
	ReorderChanges bool `json:"reorderChanges"`

	// ListBodies includes the body in list items (Q20).
	ListBodies bool `json:"listBodies"`
	// MembersShape is one of the Members values (Q6).
	MembersShape string `json:"membersShape"`
	// RemainingSeconds is one of the Remaining values.
	RemainingSeconds string `json:"remainingSeconds"`
	// NormaliseNetworks clears the host bits of network.clients and network.targets, so that the stored value differs from
	// the one sent, and a replace that differs only in them changes nothing (the vendor's sample keeps them).
	NormaliseNetworks bool `json:"normaliseNetworks"`
	// NormaliseSpelling are Normalise values: a value with several spellings is stored in one of them. No document
	// promises that the appliance stores what it receives.
	NormaliseSpelling []string `json:"normaliseSpelling"`
	// Strict refuses unknown and missing members (Q8).
	Strict bool `json:"strict"`
	// RequiredMembers are additional members that every RDP connection policy must have and that stored ones show as
	// {"enabled":false} (Q7); a client that does not know them can only copy them from a policy.
	RequiredMembers []string `json:"requiredMembers"`
	// OptionalMembers are additional members that a policy may have.
	OptionalMembers []string `json:"optionalMembers"`
	// RemovedMembers are members of the 6.0.4 policy that this version no longer knows.
	RemovedMembers []string `json:"removedMembers"`
	// AAPluginCollection is what policies.aa_plugin refers to (Q22).
	AAPluginCollection string `json:"aaPluginCollection"`
	// AnalyticsCollection is what policies.analytics_policy refers to: analytics or policies/analytics
	// (docs/vendors/sps.md 5).
	AnalyticsCollection string `json:"analyticsCollection"`
	// ListX509 lets GET list the certificates.
	ListX509 bool `json:"listX509"`

	// LoginMethodsPath is LoginTypes or LoginMethods (docs/vendors/sps.md 1.7).
	LoginMethodsPath string `json:"loginMethodsPath"`
	// LoginMethods are the accepted values of login_method.
	LoginMethods []string `json:"loginMethods"`
	// RequireLoginMethod rejects log-ins without a method, like an appliance whose default back end is external.
	RequireLoginMethod bool `json:"requireLoginMethod"`
	// X509 allows log-in by client certificate.
	X509 bool `json:"x509"`
	// TicketCookie sends a second cookie with the log-in (docs/vendors/sps.md 1.3).
	TicketCookie bool `json:"ticketCookie"`
	// LogOut offers DELETE /api/authentication (Q11).
	LogOut bool `json:"logOut"`
	// XToken requires the X-Token header from user agents that look like a browser (docs/vendors/sps.md 1.15).
	XToken bool `json:"xToken"`
	// SessionIdleSeconds ends idle log-in sessions; 0 follows management/webinterface, which starts at 10 minutes.
	SessionIdleSeconds int `json:"sessionIdleSeconds"`
	// BruteForce blocks an address or a user after BruteForceAttempts failures, for BruteForceMinutes
	// (docs/vendors/sps.md 1.13).
	BruteForce         bool `json:"bruteForce"`
	BruteForceAttempts int  `json:"bruteForceAttempts"`
	BruteForceMinutes  int  `json:"bruteForceMinutes"`
	// ReadOnlyUsers may log in and read; their changes get 403 Unauthorized.
	ReadOnlyUsers []string `json:"readOnlyUsers"`

	// ActiveSessions offers DELETE /api/active-sessions.
	ActiveSessions bool `json:"activeSessions"`
	// ActiveSessionsError makes it fail with this type of docs/vendors/sps.md 8, for example MinionUnavailable.
	ActiveSessionsError string `json:"activeSessionsError"`
	// ServerUsernameText makes the search show user.server_username as text instead of a list of texts
	// (docs/vendors/sps.md 8).
	ServerUsernameText bool `json:"serverUsernameText"`
	// SearchLag makes the search still show ended sessions as active.
	SearchLag bool `json:"searchLag"`

	// WriteDelay is the duration of one POST, PUT or DELETE of an object; those of one log-in session queue up.
	WriteDelay time.Duration `json:"-"`
	// CommitNeedsClient aborts a commit if its client goes away; otherwise it continues (not documented).
	CommitNeedsClient bool `json:"commitNeedsClient"`

	// CommitDelay is the duration of one commit.
	CommitDelay time.Duration `json:"-"`
}

// defaultSwitches are a version's switches, as far as docs/vendors/sps.md knows how versions differ.
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
	if v.atLeast(6, 5) { // seen in about 6.13; the first version is unknown
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
