// SPDX-License-Identifier: Apache-2.0

package sessions

import (
	"errors"
	"net/http"
	"time"

	"github.com/pam-operator/pam-operator/internal/nps"
	"github.com/pam-operator/pam-operator/internal/rest"
)

const (
	// refusedRounds is how many of the slower intervals pass before a list that was refused is requested again.
	refusedRounds = 20
	// listFailures is how often in a row a list may fail, at a server that answers, before its sessions are read by id.
	listFailures = 3
	// troubleAfter is how many rounds fail before objects are notified: one is a hiccup, such as a recycled process.
	troubleAfter = 2
)

// listFailed records that a list failed, and returns the error unless the round continues without the list.
func (r *sessionRegister) listFailed(filter nps.StatusFilter, err error, now time.Time) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	answer := rest.As(err)
	if answer == nil {
		return err
	}
	if answer.Status >= http.StatusInternalServerError {
		r.fails[filter]++
	}
	if !refusesList(answer) && r.fails[filter] < listFailures {
		return err
	}
	r.refused[filter] = now.Add(refusedRounds * r.active)
	return nil
}

// refusesList reports whether the server does not have a list, does not give it to us, or writes it in a form that
// cannot be read.
func refusesList(answer *rest.Error) bool {
	switch answer.Status {
	case http.StatusBadRequest, http.StatusForbidden, http.StatusNotFound, http.StatusMethodNotAllowed,
		http.StatusNotImplemented:
		return true
	}
	return errors.Is(answer, rest.ErrMalformedAnswer)
}

// kindOf distinguishes errors without their text, which may differ each time.
func kindOf(err error) int {
	if answer := rest.As(err); answer != nil {
		return answer.Status
	}
	return 0
}
