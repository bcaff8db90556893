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

// Switches are the behaviours that are inferred or open (docs/vendors/nps.md 12 and 13), and those that a
// test wants to break. The zero value of each member is the default, unless stated otherwise. They take
// effect with the next request; those for the course of a session are copied when the session is created.
type Switches struct {
	SignInSwitches
	CreateSwitches
	ReadSwitches
	ConnectionSwitches
	ActionSwitches
}

// SignInSwitches are about log-in and tokens (docs/vendors/nps.md 1 and 2).
type SignInSwitches struct {
	// SignInFailureStatus is the status for a wrong password or code: 401 (default), 400, 403, or 200 with an empty body.
	SignInFailureStatus int `json:"signInFailureStatus"`
	// CookieRequired makes signin2fa require the cookie set by the first stage.
	CookieRequired bool `json:"cookieRequired"`
	// ReplayAllowed accepts the same TOTP code twice.
	ReplayAllowed bool `json:"replayAllowed"`
	// FirstTokenFull gives the first token full access if the user needs no second factor.
	FirstTokenFull bool `json:"firstTokenFull"`
	// TokenLifetime is how long new tokens are valid; 0 means 15 minutes.
	TokenLifetime Duration `json:"tokenLifetime"`
	// OmitClaims names claims that new tokens lack, for instance "exp".
	OmitClaims []string `json:"omitClaims"`
	// RenewalRefused rejects GET UserToken with 401.
	RenewalRefused bool `json:"renewalRefused"`
	// ClockSkew is added to the server's clock: to the Date header, the TOTP step and every time it writes.
	ClockSkew Duration `json:"clockSkew"`
	// TextFormat selects the format of responses that are one string (token, version, RDP file, password).
	TextFormat TextFormat `json:"textFormat"`
}

// TextFormat is a format for a response that is a single string.
type TextFormat string

// Formats for a single string.
const (
	// TextJSON quotes it, as application/json.
	TextJSON TextFormat = "JSON"
	// TextPlain writes the bare text, as text/plain.
	TextPlain TextFormat = "Plain"
	// TextNegotiated quotes it only if the request's Accept header asks for JSON.
	TextNegotiated TextFormat = "Negotiated"
)

// CreateSwitches are about the creation of sessions and their course (docs/vendors/nps.md 4 and 6).
type CreateSwitches struct {
	// ProvisioningDelay is how long a session stays Pending. This and the next two delays default to 50 ms.
	ProvisioningDelay Duration `json:"provisioningDelay"`
	// ProvisioningError, unless empty, makes sessions fail with this message at the end of ProvisioningDelay.
	ProvisioningError string `json:"provisioningError"`
	// EndingDelay is how long a session stays Cancelling.
	EndingDelay Duration `json:"endingDelay"`
	// AutomationRuntime is how long a task automation is Active before it completes by itself.
	AutomationRuntime Duration `json:"automationRuntime"`
	// ApprovalExpires makes an outstanding approval fail at the scheduled end; otherwise it waits indefinitely.
	ApprovalExpires bool `json:"approvalExpires"`
	// CreatedStatus is the status of a successful create: 201 (default) or 200.
	CreatedStatus int `json:"createdStatus"`
	// CreatedWithoutBody returns only the Location header from a create.
	CreatedWithoutBody bool `json:"createdWithoutBody"`
	// CreatesLost is how many of the next creates are stored but answered with 500; negative for all.
	CreatesLost int `json:"createsLost"`
	// EndBeyondMaximumRefused refuses a late end with 400, instead of cutting the session at the profile's maximum.
	EndBeyondMaximumRefused bool `json:"endBeyondMaximumRefused"`
	// DuplicatesRefused returns 400 if the same user has a live session for the same activity on the same resource.
	DuplicatesRefused bool `json:"duplicatesRefused"`
	// LicenceExpired refuses every create with 403.
	LicenceExpired bool `json:"licenceExpired"`
	// NotesDropped discards notes; NoteMaxLength (unless 0) truncates them to that many characters.
	NotesDropped  bool `json:"notesDropped"`
	NoteMaxLength int  `json:"noteMaxLength"`
}

// ReadSwitches are about how sessions are shown (docs/vendors/nps.md 5).
type ReadSwitches struct {
	// StatusNames writes SessionStatus as names instead of integers.
	StatusNames bool `json:"statusNames"`
	// CustomFields is the form of customFields: "Array" (default), "String", "Object" or "Null".
	CustomFields string `json:"customFields"`
	// NullStatusDescription hides statusDescription.
	NullStatusDescription bool `json:"nullStatusDescription"`
	// TimesWithoutZone omits the Z.
	TimesWithoutZone bool `json:"timesWithoutZone"`
	// NullData writes "data": null for an empty page.
	NullData bool `json:"nullData"`
	// ListLag makes lists that much older than now, ListLagCalls that many list calls older (at most 255).
	ListLag      Duration `json:"listLag"`
	ListLagCalls int      `json:"listLagCalls"`
	// ListRefusedStatus, unless 0, is the response to every list of sessions (403, 500, ...).
	ListRefusedStatus int `json:"listRefusedStatus"`
	// ActiveListsBoard lists provisioning and cancelling sessions under Active, as the UI's board does.
	ActiveListsBoard bool `json:"activeListsBoard"`
	// SummaryStatusIsSessionStatus writes the life-cycle status into the summary's `status` too (docs/vendors/nps.md
	// 5.2).
	SummaryStatusIsSessionStatus bool `json:"summaryStatusIsSessionStatus"`
	// ForeignStatus is the status for a non-administrator who requests another user's session: 404 (default) or 403.
	ForeignStatus int `json:"foreignStatus"`
}

// ConnectionSwitches are about RDP files, SSH URLs and passwords (docs/vendors/nps.md 7).
type ConnectionSwitches struct {
	// ConnectionRefusedStatus is the status if the data is not available (not active, locked, wrong platform): 404
	// (default).
	ConnectionRefusedStatus int `json:"connectionRefusedStatus"`
	// RDPWithCRLF and RDPWithBOM change the line endings and the start of the RDP file.
	RDPWithCRLF bool `json:"rdpWithCRLF"`
	RDPWithBOM  bool `json:"rdpWithBOM"`
	// SSHTokenUser uses an opaque token as the user in the SSH URL.
	SSHTokenUser bool `json:"sshTokenUser"`
	// SSHURL, unless empty, replaces the SSH URL, as a rogue server might.
	SSHURL string `json:"sshURL"`
}

// ActionSwitches are about actions on sessions (docs/vendors/nps.md 9).
type ActionSwitches struct {
	// DeleteEndedStatus is the status for DELETE of an ended session: 202 (default), 404, 400 or 500.
	DeleteEndedStatus int `json:"deleteEndedStatus"`
	// ExtendRefusedStatus is the status of a refused extension: 400 (default) or 500.
	ExtendRefusedStatus int `json:"extendRefusedStatus"`
	// ExtendIgnored returns 200 for an extension and leaves the end unchanged.
	ExtendIgnored bool `json:"extendIgnored"`
	// ExtendOnlyNearEnd refuses an extension while more than the notification threshold (5 minutes) remains.
	ExtendOnlyNearEnd bool `json:"extendOnlyNearEnd"`
	// ExtensionCountFalls decrements the session's sessionExtensionCount with every extension.
	ExtensionCountFalls bool `json:"extensionCountFalls"`
}

// setDefaults sets the default of numbers and texts whose zero value means nothing.
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

// Switches returns the current switches.
func (s *Server) Switches() Switches {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.switches.clone()
}

// SetSwitches changes the switches; requests in progress are not affected.
func (s *Server) SetSwitches(change func(*Switches)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	next := s.switches.clone()
	change(&next)
	next.setDefaults()
	s.switches = next
}
