// SPDX-License-Identifier: Apache-2.0

package nps

import (
	"cmp"
	"net/http"
	"slices"
	"time"

	"github.com/pam-operator/pam-operator/internal/simulator/fault"
)

// Duration is a time.Duration that is text ("20ms") in JSON.
type Duration = fault.Duration

// Switches are the behaviours that the contract infers or leaves open (nps contract 12 and 13), and what a test wants
// to break. The zero value of each member is the contract's default, unless the member says otherwise. They are read
// when a request arrives; what concerns the course of a session is taken over when the session is created.
type Switches struct {
	SignInSwitches
	CreateSwitches
	ReadSwitches
	ConnectionSwitches
	ActionSwitches
}

// SignInSwitches concern log-in and tokens (nps contract 1 and 2).
type SignInSwitches struct {
	// SignInFailureStatus answers a wrong password or code: 401 (default), 400, 403, or 200 with an empty body.
	SignInFailureStatus int `json:"signInFailureStatus"`
	// CookieRequired makes signin2fa demand the cookie that the first stage set.
	CookieRequired bool `json:"cookieRequired"`
	// ReplayAllowed accepts the same TOTP code twice.
	ReplayAllowed bool `json:"replayAllowed"`
	// FirstTokenFull makes the first token pass everywhere when the user needs no second factor.
	FirstTokenFull bool `json:"firstTokenFull"`
	// TokenLifetime is how long new tokens are valid; 15 minutes when 0.
	TokenLifetime Duration `json:"tokenLifetime"`
	// OmitClaims names claims that new tokens lack, for instance "exp".
	OmitClaims []string `json:"omitClaims"`
	// RenewalRefused answers GET UserToken with 401.
	RenewalRefused bool `json:"renewalRefused"`
	// ClockSkew is added to the server's clock: to the Date header, the TOTP step and every time it writes.
	ClockSkew Duration `json:"clockSkew"`
	// TextFormat says how an answer that is one string (token, version, RDP file, password) is written.
	TextFormat TextFormat `json:"textFormat"`
}

// TextFormat is a way to write an answer that is a single string.
type TextFormat string

// The ways to write a string.
const (
	// TextJSON quotes it, as application/json.
	TextJSON TextFormat = "JSON"
	// TextPlain writes the bare text, as text/plain.
	TextPlain TextFormat = "Plain"
	// TextNegotiated quotes it only if the request's Accept header asks for JSON.
	TextNegotiated TextFormat = "Negotiated"
)

// CreateSwitches concern the creation of sessions and their course (nps contract 4 and 6).
type CreateSwitches struct {
	// ProvisioningDelay is how long a session stays Pending. This and the next two delays are 50 ms at the start.
	ProvisioningDelay Duration `json:"provisioningDelay"`
	// ProvisioningError, when not empty, makes sessions fail with this message at the end of ProvisioningDelay.
	ProvisioningError string `json:"provisioningError"`
	// EndingDelay is how long a session stays Cancelling.
	EndingDelay Duration `json:"endingDelay"`
	// AutomationRuntime is how long a task automation is Active before it completes by itself.
	AutomationRuntime Duration `json:"automationRuntime"`
	// ApprovalExpires lets an approval that nobody gave fail at the scheduled end; otherwise it waits for ever.
	ApprovalExpires bool `json:"approvalExpires"`
	// CreatedStatus answers a create: 201 (default) or 200.
	CreatedStatus int `json:"createdStatus"`
	// CreatedWithoutBody answers a create with the Location header only.
	CreatedWithoutBody bool `json:"createdWithoutBody"`
	// CreatesLost is how many of the next creates are stored but answered with 500; less than 0 for all.
	CreatesLost int `json:"createsLost"`
	// EndBeyondMaximumRefused answers 400 where the default is to cut the session at the profile's maximum.
	EndBeyondMaximumRefused bool `json:"endBeyondMaximumRefused"`
	// DuplicatesRefused answers 400 if the same user has a live session of the same activity on the same resource.
	DuplicatesRefused bool `json:"duplicatesRefused"`
	// LicenceExpired refuses every create with 403.
	LicenceExpired bool `json:"licenceExpired"`
	// NotesDropped forgets notes, NoteMaxLength (when not 0) cuts them to so many characters.
	NotesDropped  bool `json:"notesDropped"`
	NoteMaxLength int  `json:"noteMaxLength"`
}

// ReadSwitches concern what is shown of sessions (nps contract 5).
type ReadSwitches struct {
	// StatusNames writes SessionStatus as names instead of integers.
	StatusNames bool `json:"statusNames"`
	// CustomFields is the shape of customFields: "Array" (default), "String", "Object" or "Null".
	CustomFields string `json:"customFields"`
	// NullStatusDescription hides statusDescription.
	NullStatusDescription bool `json:"nullStatusDescription"`
	// TimesWithoutZone leaves the Z away.
	TimesWithoutZone bool `json:"timesWithoutZone"`
	// NullData writes "data": null for an empty page.
	NullData bool `json:"nullData"`
	// ListLag shows lists as they were so long ago, ListLagCalls as they were so many list calls ago (at most 255).
	ListLag      Duration `json:"listLag"`
	ListLagCalls int      `json:"listLagCalls"`
	// ListRefusedStatus, when not 0, answers every list of sessions (403, 500, ...).
	ListRefusedStatus int `json:"listRefusedStatus"`
	// ActiveListsBoard shows provisioning and cancelling sessions under Active, as the UI's board does.
	ActiveListsBoard bool `json:"activeListsBoard"`
	// SummaryStatusIsSessionStatus writes the life-cycle status into the summary's `status` too (nps contract 5.2).
	SummaryStatusIsSessionStatus bool `json:"summaryStatusIsSessionStatus"`
	// SummaryByStatusShowsAll shows everybody's sessions in SummaryByStatus to non-admins too.
	SummaryByStatusShowsAll bool `json:"summaryByStatusShowsAll"`
	// UnknownSummaryNoContent answers SummaryById of an unknown id with 204 instead of 404.
	UnknownSummaryNoContent bool `json:"unknownSummaryNoContent"`
	// ForeignStatus answers a non-admin who asks for somebody else's session: 404 (default) or 403.
	ForeignStatus int `json:"foreignStatus"`
}

// ConnectionSwitches concern RDP files, SSH URLs and passwords (nps contract 7).
type ConnectionSwitches struct {
	// ConnectionRefusedStatus answers when the data may not be had (not active, locked, wrong platform): 404 (default).
	ConnectionRefusedStatus int `json:"connectionRefusedStatus"`
	// RDPWithCRLF and RDPWithBOM change the RDP file's line ends and start.
	RDPWithCRLF bool `json:"rdpWithCRLF"`
	RDPWithBOM  bool `json:"rdpWithBOM"`
	// SSHTokenUser puts an opaque token where the SSH URL's user is.
	SSHTokenUser bool `json:"sshTokenUser"`
	// SSHURL, when not empty, is answered in the place of the SSH URL, as by a server that is not what it should be.
	SSHURL string `json:"sshURL"`
}

// ActionSwitches concern what is done to sessions (nps contract 9).
type ActionSwitches struct {
	// DeleteEndedStatus answers DELETE of a session that has ended: 202 (default), 404, 400 or 500.
	DeleteEndedStatus int `json:"deleteEndedStatus"`
	// ExtendRefusedStatus answers a refused extension: 400 (default) or 500.
	ExtendRefusedStatus int `json:"extendRefusedStatus"`
	// ExtendIgnored answers 200 to an extension and leaves the end where it was.
	ExtendIgnored bool `json:"extendIgnored"`
	// ExtendOnlyNearEnd refuses an extension while more than the notification threshold (5 minutes) remains.
	ExtendOnlyNearEnd bool `json:"extendOnlyNearEnd"`
	// ExtensionCountFalls counts the session's sessionExtensionCount down with every extension.
	ExtensionCountFalls bool `json:"extensionCountFalls"`
}

// setDefaults gives numbers and texts whose zero value means nothing their default.
func (sw *Switches) setDefaults() {
	sw.SignInFailureStatus = cmp.Or(sw.SignInFailureStatus, http.StatusUnauthorized)
	sw.TokenLifetime = cmp.Or(sw.TokenLifetime, Duration(15*time.Minute))
	sw.TextFormat = cmp.Or(sw.TextFormat, TextJSON)
	sw.ProvisioningDelay = max(sw.ProvisioningDelay, 0)
	sw.EndingDelay = max(sw.EndingDelay, 0)
	sw.AutomationRuntime = max(sw.AutomationRuntime, 0)
	sw.CreatedStatus = cmp.Or(sw.CreatedStatus, http.StatusCreated)
	sw.CustomFields = cmp.Or(sw.CustomFields, customFieldsArray)
	sw.ForeignStatus = cmp.Or(sw.ForeignStatus, http.StatusNotFound)
	sw.ConnectionRefusedStatus = cmp.Or(sw.ConnectionRefusedStatus, http.StatusNotFound)
	sw.DeleteEndedStatus = cmp.Or(sw.DeleteEndedStatus, http.StatusAccepted)
	sw.ExtendRefusedStatus = cmp.Or(sw.ExtendRefusedStatus, http.StatusBadRequest)
}

func (sw Switches) clone() Switches {
	sw.OmitClaims = slices.Clone(sw.OmitClaims)
	return sw
}

// Switches returns the switches as they are now.
func (s *Server) Switches() Switches {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.switches.clone()
}

// SetSwitches changes the switches; requests that are being answered are not affected.
func (s *Server) SetSwitches(change func(*Switches)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	next := s.switches.clone()
	change(&next)
	next.setDefaults()
	s.switches = next
}
