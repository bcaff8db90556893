// SPDX-License-Identifier: Apache-2.0

package sps

import (
	"bytes"
	"encoding/json"
	"errors"
	"net/http"
	"regexp"
	"strings"

	"github.com/pam-operator/pam-operator/internal/rest"
)

// codeNoTransaction is the error type of a write without a transaction (docs/vendors/sps.md 2).
const codeNoTransaction = "NoTransaction"

// LockedError means that another client holds the appliance's configuration lock: wait, and do not count it as a
// failure.
type LockedError struct {
	// Holder is the name that the appliance gave, if any; which member contains it is undocumented
	// (docs/vendors/sps.md Q1).
	Holder string
	// Busy is set if the appliance itself may be unable to take changes now: it answered 503 without mentioning a lock.
	Busy bool
	// Err is the appliance's answer.
	Err error
}

// Error returns the holder, if known, and the answer.
func (e *LockedError) Error() string {
	if e.Holder == "" {
		return "the configuration is locked: " + e.Err.Error()
	}
	return "the configuration is locked by " + e.Holder + ": " + e.Err.Error()
}

// Unwrap returns the appliance's answer.
func (e *LockedError) Unwrap() error { return e.Err }

// step is a stage of a transaction; the same status means different things in different stages.
type step string

const (
	stepOpen     step = "open the transaction"
	stepRead     step = "read in the transaction"
	stepWrite    step = "write in the transaction"
	stepCommit   step = "commit the transaction"
	stepRollback step = "roll the transaction back"
)

// stepError adds the stage of the transaction at which a call failed.
type stepError struct {
	step step
	err  error
}

func (e *stepError) Error() string { return string(e.step) + ": " + e.err.Error() }

func (e *stepError) Unwrap() error { return e.err }

func atStep(s step, err error) error {
	if err == nil {
		return nil
	}
	return &stepError{step: s, err: err}
}

func isAtStep(err error, steps ...step) bool {
	var e *stepError
	if !errors.As(err, &e) {
		return false
	}
	for _, s := range steps {
		if e.step == s {
			return true
		}
	}
	return false
}

// IsLocked reports whether another client holds the configuration lock; see LockedError.
func IsLocked(err error) bool {
	var e *LockedError
	return errors.As(err, &e)
}

// IsCredentialsRefused reports whether the appliance refused the log-in; see CredentialsError.
func IsCredentialsRefused(err error) bool {
	var e *CredentialsError
	return errors.As(err, &e)
}

// IsTransactionLost reports whether the transaction is gone with everything written in it: the appliance has none, or
// no longer knows the log-in session.
func IsTransactionLost(err error) bool {
	answer := rest.As(err)
	if answer == nil || IsCredentialsRefused(err) {
		return false
	}
	return isNoTransaction(answer) ||
		answer.Status == http.StatusUnauthorized && isAtStep(err, stepOpen, stepRead, stepWrite, stepCommit)
}

// IsCommitConflict reports whether the appliance refused a commit because the configuration under it has changed
// (docs/vendors/sps.md Q2): read again and start over.
func IsCommitConflict(err error) bool {
	return isAtStep(err, stepCommit) && rest.IsConflict(err) && !IsTransactionLost(err) && !IsLocked(err)
}

// IsRefused reports whether the appliance rejects the content it was sent: sending it again unchanged is useless until
// something is fixed. For a write this includes a missing permission and a missing object.
func IsRefused(err error) bool {
	if IsLocked(err) || IsCredentialsRefused(err) || IsTransactionLost(err) {
		return false
	}
	return rest.IsRejected(err) || isAtStep(err, stepWrite) && (rest.IsForbidden(err) || rest.IsNotFound(err)) ||
		isAtStep(err, stepCommit) && rest.IsForbidden(err)
}

func isNoTransaction(answer *rest.Error) bool {
	return answer.Status == http.StatusConflict && answer.Code == codeNoTransaction
}

// asLocked marks an answer that means that another client holds the configuration lock. 423 is unambiguous. 409 and 503
// mean it if first is set, that is before anything has been written (docs/vendors/sps.md Q1), and later if the
// appliance's message mentions a lock: a commit may also be refused because of others' changes (Q2).
func asLocked(err error, first bool) error {
	answer := rest.As(err)
	if answer == nil || isNoTransaction(answer) || IsCredentialsRefused(err) {
		return err
	}
	switch answer.Status {
	case http.StatusLocked:
	case http.StatusConflict, http.StatusServiceUnavailable:
		if !first && !speaksOfALock(answer) {
			return err
		}
	default:
		return err
	}
	busy := answer.Status == http.StatusServiceUnavailable && !speaksOfALock(answer)
	return &LockedError{Holder: holder(answer.Message), Busy: busy, Err: err}
}

func speaksOfALock(answer *rest.Error) bool {
	return lockWords.MatchString(answer.Code + " " + answer.Message)
}

// lockWords match "lock" in a code or a message, but not "block".
var lockWords = regexp.MustCompile(`(?i)(?:^|[^b])lock`)

// AsLocked marks a refused commit as caused by a lock, for a caller that knows that nothing has changed; see
// IsCommitConflict.
func AsLocked(err error) error {
	if answer := rest.As(err); answer != nil {
		return &LockedError{Holder: holder(answer.Message), Err: err}
	}
	return err
}

// holderPatterns find the name of a lock's holder, preferably in the details. If the name is not found, only the
// message is poorer.
var holderPatterns = []*regexp.Regexp{
	regexp.MustCompile(`"(?:holder|held_by|locked_by|lock_holder|owner|username|user)":\s*"([^"]{1,128})"`),
	regexp.MustCompile(`(?i)\b(?:locked|held|used) by (?:the )?(?:user )?['"]?([\w.@\\-]{1,128})`),
}

func holder(message string) string {
	for _, pattern := range holderPatterns {
		if m := pattern.FindStringSubmatch(message); m != nil {
			return strings.TrimRight(m[1], ".")
		}
	}
	return ""
}

// maxDetails bounds how much of an answer's details a message includes, in bytes.
const maxDetails = 400

// errorDecoder decodes the error format of docs/vendors/sps.md 2. The members of details are undocumented: they are
// shown but not interpreted (Q13). An answer of the front end need not be JSON, and has neither code nor message.
func errorDecoder(secrets *rest.Secrets) func(http.Header, []byte) rest.ErrorDetails {
	return func(_ http.Header, body []byte) rest.ErrorDetails {
		var answer struct {
			Error struct {
				Type    string          `json:"type"`
				Message string          `json:"message"`
				Details json.RawMessage `json:"details"`
			} `json:"error"`
		}
		if err := json.Unmarshal(body, &answer); err != nil {
			return rest.ErrorDetails{}
		}
		message := answer.Error.Message
		if details := renderDetails(secrets, answer.Error.Details); details != "" {
			message = strings.TrimSpace(message + " " + details)
		}
		return rest.ErrorDetails{Code: answer.Error.Type, Message: message}
	}
}

func renderDetails(secrets *rest.Secrets, details json.RawMessage) string {
	var compacted bytes.Buffer
	if err := json.Compact(&compacted, details); err != nil {
		return ""
	}
	text := secrets.Redact(compacted.String()) // before it is shortened, lest part of a secret remain
	switch text {
	case "null", "{}", "[]", `""`:
		return ""
	}
	return rest.Shorten(text, maxDetails)
}
