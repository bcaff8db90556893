// SPDX-License-Identifier: Apache-2.0

package session

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	pamv1alpha1 "github.com/pam-operator/pam-operator/api/v1alpha1"
	"github.com/pam-operator/pam-operator/internal/controller/loop"
	"github.com/pam-operator/pam-operator/internal/nps"
	"github.com/pam-operator/pam-operator/internal/sessions"
)

// finder finds the sessions of a request at the server, and decides whose a session is.
type finder struct{ *base }

// search returns the sessions whose note is that of this request, the oldest live one first.
func (f *finder) search(
	ctx context.Context, server *sessions.Server, s *pamv1alpha1.ActivitySession,
) ([]nps.Summary, error) {
	found, err := server.FindByNote(ctx, loop.NewRequestID(s))
	slices.SortFunc(found, oldestLiveFirst)
	return found, err
}

// oldestLiveFirst orders sessions of the same request: live ones before those that are over, then by age.
func oldestLiveFirst(a, b nps.Summary) int {
	if a.Status.Terminal() != b.Status.Terminal() {
		if a.Status.Terminal() {
			return 1
		}
		return -1
	}
	return a.CreatedAt.Compare(b.CreatedAt.Time)
}

const (
	// undecidedRecheck is how often a request is looked at again whose session may be one of several.
	undecidedRecheck = time.Minute
	// maxCandidates is how many of them a message names.
	maxCandidates = 5
)

// undecided is the error because of which a request without an answer is neither sent again nor given up: the server
// may give no notes back, and has sessions that do not say whose they are and that may be of this request. None of them
// is adopted, because likeness is no proof.
func (f *finder) undecided(
	ctx context.Context, server *sessions.Server, s *pamv1alpha1.ActivitySession,
) error {
	if server.KeepsNotes() {
		return nil
	}
	found, err := server.MadeSince(ctx, firstSent(s))
	if err != nil {
		return err
	}
	var ids []string
	for _, x := range found {
		if !mayBe(s, x.Session()) {
			continue
		}
		taken, err := f.claims.isAnothers(ctx, server, x.ID, s.UID)
		if err != nil {
			return err
		}
		if !taken && len(ids) < maxCandidates {
			ids = append(ids, x.ID)
		}
	}
	if len(ids) == 0 {
		return nil
	}
	return &loop.Problem{
		Reason: pamv1alpha1.ReasonConflict, Stall: true, After: undecidedRecheck,
		Message: fmt.Sprintf("the request was not answered, and the server has sessions without a note that it may have led "+
			"to, so it is not sent again: %s. Look at them there, end the one that nobody else has requested, and create a "+
			"new ActivitySession", strings.Join(ids, ", ")),
	}
}
