// SPDX-License-Identifier: Apache-2.0

package sps

import (
	"context"
	"net/http"
	"slices"
)

const (
	transactionPath = "/api/transaction"
	changesPath     = "/api/transaction/changes"
)

func (a *Appliance) showTransaction(c *call) (answer, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	return ok(a.transactionBody(c.session)), nil
}

// transactionBody is the state of the session's transaction, in the version's format (docs/vendors/sps.md 3).
func (a *Appliance) transactionBody(s *session) fields {
	meta, status := link(transactionPath), "closed"
	if s.tx != nil {
		status = "open"
		meta["remaining_seconds"] = int(a.idleLimit().Seconds())
		if len(s.tx.changed()) > 0 {
			meta["changes"] = changesPath
		}
	}
	if a.switches.TransactionShape != ShapeBody {
		return fields{"key": "transaction", "meta": meta, "transaction": fields{"status": status}}
	}
	message := "optional"
	if a.messageRequired() {
		message = "required"
	}
	return fields{"key": "transaction", "meta": meta, "body": fields{"status": status, "commit_message": message}}
}

func (a *Appliance) messageRequired() bool {
	accounting := a.committed.body(place{collection: "management/accounting"})
	return a.switches.TransactionShape == ShapeBody &&
		(a.switches.RequireCommitMessage || accounting["require_commitlog"] == true)
}

func (a *Appliance) openTransaction(c *call) (answer, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.switches.HTTP411 && !announcesLength(c.r) {
		return answer{}, &apiError{status: http.StatusLengthRequired, message: "Length Required", raw: true}
	}
	if c.session.tx != nil {
		if a.switches.ReopenStatus >= http.StatusBadRequest {
			return answer{}, refused(a.switches.ReopenStatus, "Conflict", "A transaction is already open")
		}
		return answer{status: a.switches.ReopenStatus, body: a.transactionBody(c.session)}, nil
	}
	if err := a.begin(c.session); err != nil {
		return answer{}, err
	}
	return answer{status: a.switches.OpenStatus, body: a.transactionBody(c.session)}, nil
}

func announcesLength(r *http.Request) bool {
	return r.ContentLength > 0 || r.ContentLength == 0 && r.Header.Get("Content-Length") != ""
}

// begin opens a transaction, unless another user holds the configuration.
func (a *Appliance) begin(s *session) error {
	if err := a.checkWriter(s); err != nil {
		return err
	}
	if err := a.checkLock(s, AtWrite); err != nil {
		return err
	}
	s.tx = newTransaction(a.committed, a.now())
	a.counters.opened++
	return nil
}

// endTransaction drops the session's transaction and with it the lock.
func (a *Appliance) endTransaction(s *session) {
	if s.tx == nil {
		return
	}
	a.counters.holdTimes = append(a.counters.holdTimes, a.now().Sub(s.tx.opened))
	s.tx = nil
}

// DropTransactions drops all open transactions and keeps their log-in sessions, like a fail-over, or an administrator
// who ends them. It returns how many there were.
func (a *Appliance) DropTransactions() int {
	a.mu.Lock()
	defer a.mu.Unlock()
	dropped := 0
	for _, s := range a.sessions {
		if s.tx != nil {
			a.endTransaction(s)
			dropped++
		}
	}
	return dropped
}

// checkOpen refuses a session without an open transaction.
func (a *Appliance) checkOpen(s *session) error {
	if err := a.checkWriter(s); err != nil {
		return err
	}
	if s.tx == nil {
		return noTransaction()
	}
	return nil
}

func (a *Appliance) rollBackTransaction(c *call) (answer, error) {
	done, err := c.session.takeTurn(c.r.Context(), 0)
	if err != nil {
		return answer{}, err
	}
	defer done()
	a.mu.Lock()
	defer a.mu.Unlock()
	if err := a.checkOpen(c.session); err != nil {
		return answer{}, err
	}
	a.endTransaction(c.session)
	a.counters.rollBacks++
	return ok(fields{"meta": link(transactionPath)}), nil
}

func (a *Appliance) commitTransaction(c *call) (answer, error) {
	request, err := c.object()
	if err != nil {
		return answer{}, err
	}
	ctx, switches := c.r.Context(), a.Switches()
	if !switches.CommitNeedsClient {
		ctx = context.WithoutCancel(ctx)
	}
	done, err := c.session.takeTurn(ctx, switches.CommitDelay)
	if err != nil {
		return answer{}, err
	}
	defer done()
	a.mu.Lock()
	defer a.mu.Unlock()
	if err := a.checkOpen(c.session); err != nil {
		if c.session.tx == nil && a.switches.EmptyCommitStatus < http.StatusBadRequest && a.checkWriter(c.session) == nil {
			return answer{status: a.switches.EmptyCommitStatus, body: a.transactionBody(c.session)}, nil
		}
		return answer{}, err
	}
	if err := a.commit(c.session, request); err != nil {
		a.counters.commitsRefused++
		return answer{}, err
	}
	a.counters.commits++
	return ok(a.transactionBody(c.session)), nil
}

// commit makes the session's view the committed tree. A refused commit leaves the transaction open (Q3).
func (a *Appliance) commit(s *session, request map[string]any) error {
	for _, check := range []func() error{
		func() error { return a.checkCommitRequest(request) },
		func() error { return a.checkLock(s, AtCommit) },
		func() error { return a.checkOverlap(s.tx) },
		func() error { s.tx.follow(a.committed); return s.tx.dangling() },
		func() error { return a.refuseCommit(s.tx) },
	} {
		if err := check(); err != nil {
			return err
		}
	}
	if len(s.tx.changed()) > 0 {
		dropUnused(s.tx.view, a.committed)
		a.publish(s.tx.view)
	}
	a.endTransaction(s)
	return nil
}

// checkCommitRequest requires {"status":"commit"}, and a message if one is mandatory (docs/vendors/sps.md 3, Q4).
// Versions without messages know no other member.
func (a *Appliance) checkCommitRequest(request map[string]any) error {
	if request["status"] != "commit" {
		return semanticError("status: must be commit")
	}
	withMessage := false
	for name, value := range request {
		if name == "status" {
			continue
		}
		text, isText := value.(string)
		accepted := a.switches.TransactionShape == ShapeBody && slices.Contains(a.switches.CommitMessageMembers, name)
		if !accepted && a.switches.Strict {
			return syntacticError("%s: is not a member of this object", name)
		}
		withMessage = withMessage || accepted && isText && text != ""
	}
	if a.messageRequired() && !withMessage {
		return semanticError("A commit message is required")
	}
	return nil
}

func (a *Appliance) checkOverlap(tx *transaction) error {
	conflict := func(what string) error {
		return refused(http.StatusConflict, "Conflict", "%s was changed by another user since the transaction opened", what)
	}
	switch a.switches.OverlappingCommit {
	case OverlapLastWriterWins:
		return nil
	case OverlapRefuseAnyChange:
		if tx.base != a.committed.revision {
			return conflict("The configuration")
		}
	}
	if at, overlaps := tx.overlap(a.committed); overlaps {
		return conflict(href(at.collection, at.key))
	}
	return nil
}
