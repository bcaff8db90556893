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

// codeNoTransaction is the error type of a write without a transaction (sps contract 2).
const codeNoTransaction = "NoTransaction"

// LockedError says that somebody else holds the configuration of the appliance: wait, and do not count it as a failure.
type LockedError struct {
	// Holder is the name that the appliance gave, if any; which member holds it is not documented (sps contract Q1).
	Holder string
	// Busy says that it may as well be the appliance itself that cannot take changes now: it answered 503 without a word
	// about a lock.
	Busy bool
	// Err is the appliance's answer.
	Err error
}

// Error names the holder where there is one, and shows the answer.
func (e *LockedError) Error() string {
	if e.Holder == "" {
		return "the configuration is locked: " + e.Err.Error()
	}
	return "the configuration is locked by " + e.Holder + ": " + e.Err.Error()
}

// Unwrap returns the appliance's answer.
func (e *LockedError) Unwrap() error { return e.Err }

// step is a part of a transaction's life; the same status means different things in different parts.
type step string

const (
	stepOpen     step = "open the transaction"
	stepRead     step = "read in the transaction"
	stepWrite    step = "write in the transaction"
	stepCommit   step = "commit the transaction"
	stepRollback step = "roll the transaction back"
)

// stepError says in which part of a transaction a call failed.
type stepError struct {
	step step
	err  error
}

func (e *stepError) Error() string { return string(e.step) + ": " + e.err.Error() }

func (e *stepError) Unwrap() error { return e.err }

func at(s step, err error) error {
	if err == nil {
		return nil
	}
	return &stepError{step: s, err: err}
}

func isAt(err error, steps ...step) bool {
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

// IsLocked says that somebody else holds the configuration; see LockedError.
func IsLocked(err error) bool {
	var e *LockedError
	return errors.As(err, &e)
}

// IsCredentialsRefused says that the appliance did not let us log in; see CredentialsError.
func IsCredentialsRefused(err error) bool {
	var e *CredentialsError
	return errors.As(err, &e)
}

// IsTransactionLost says that the transaction is gone, and everything written in it: the appliance knows of none, or
// does not know the log-in session any more.
func IsTransactionLost(err error) bool {
	answer := rest.As(err)
	if answer == nil || IsCredentialsRefused(err) {
		return false
	}
	return isNoTransaction(answer) ||
		answer.Status == http.StatusUnauthorized && isAt(err, stepOpen, stepRead, stepWrite, stepCommit)
}

// IsCommitConflict says that the appliance refused a commit because the configuration under it has changed
// (sps contract Q2): read again and start over.
func IsCommitConflict(err error) bool {
	return isAt(err, stepCommit) && rest.IsConflict(err) && !IsTransactionLost(err) && !IsLocked(err)
}

// IsRefused says that the appliance refuses the content of what it was sent: sending it again unchanged is useless
// until something is mended. For a write that includes a missing right and a missing object.
func IsRefused(err error) bool {
	if IsLocked(err) || IsCredentialsRefused(err) || IsTransactionLost(err) {
		return false
	}
	return rest.IsRejected(err) || isAt(err, stepWrite) && (rest.IsForbidden(err) || rest.IsNotFound(err)) ||
		isAt(err, stepCommit) && rest.IsForbidden(err)
}

func isNoTransaction(answer *rest.Error) bool {
	return answer.Status == http.StatusConflict && answer.Code == codeNoTransaction
}

// asLocked marks an answer that means that somebody else holds the configuration. 423 says so by itself. 409 and 503
// mean it where first says that nothing has been written yet (sps contract Q1), and later where the appliance's own
// words speak of a lock: a commit may also be refused because of what others changed (Q2).
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

// lockWords find a lock in a code or a message, and not in what is blocked.
var lockWords = regexp.MustCompile(`(?i)(?:^|[^b])lock`)

// AsLocked marks a refused commit as met by a lock, for a caller who knows that nobody has changed anything; see
// IsCommitConflict.
func AsLocked(err error) error {
	if answer := rest.As(err); answer != nil {
		return &LockedError{Holder: holder(answer.Message), Err: err}
	}
	return err
}

// holderPatterns find the name of a lock's holder, in the details first. A name that is not found costs a word in a
// message and nothing else.
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

// maxDetails bounds what of an answer's details goes into a message, in bytes.
const maxDetails = 400

// errorDecoder reads the error shape of sps contract 2. The members of details are not documented: they are shown and
// never understood (Q13). An answer of the front end, which need not be JSON, has neither code nor message.
func errorDecoder(secrets *rest.Secrets) func(http.Header, []byte) rest.Words {
	return func(_ http.Header, body []byte) rest.Words {
		var answer struct {
			Error struct {
				Type    string          `json:"type"`
				Message string          `json:"message"`
				Details json.RawMessage `json:"details"`
			} `json:"error"`
		}
		if err := json.Unmarshal(body, &answer); err != nil {
			return rest.Words{}
		}
		message := answer.Error.Message
		if details := renderDetails(secrets, answer.Error.Details); details != "" {
			message = strings.TrimSpace(message + " " + details)
		}
		return rest.Words{Code: answer.Error.Type, Message: message}
	}
}

func renderDetails(secrets *rest.Secrets, details json.RawMessage) string {
	var compacted bytes.Buffer
	if err := json.Compact(&compacted, details); err != nil {
		return ""
	}
	text := secrets.Redact(compacted.String()) // before it is cut, lest half a secret remain
	switch {
	case text == "null", text == "{}", text == "[]", text == `""`:
		return ""
	case len(text) > maxDetails:
		return strings.ToValidUTF8(text[:maxDetails], "") + "…"
	}
	return text
}
