// SPDX-License-Identifier: Apache-2.0

package sps

import (
	"context"
	"errors"
	"net/http"
	"time"

	"github.com/pam-operator/pam-operator/internal/rest"
)

// letGoTimeout bounds the roll-back of a transaction of which nobody knows whether it was opened. An appliance that is
// slow has as long for it as for any call.
const letGoTimeout = rest.DefaultTimeout

// errEnded is the answer to a call on a transaction that was committed or rolled back.
var errEnded = errors.New("the transaction has ended")

// Transaction is an open transaction. It holds the configuration lock of the appliance, so it must end in a Commit
// that succeeds or in a Rollback, on every path. It is not safe for concurrent use.
type Transaction struct {
	client  *Client
	session *session
	phase   phase
	opened  time.Time

	messageRequired bool
	writes          int
	accepted        bool // a write was accepted, so the lock is ours
	unanswered      bool // a request may still be on its way
	own             footprint
	secrets         []func() // release the passwords that were written
}

type phase int

const (
	phaseOpen phase = iota
	// phaseLeft is after a roll-back that failed. The session is parked, and whoever takes it next cleans up; or it was
	// left, and is cleaned up before the next transaction.
	phaseLeft
	phaseEnded
)

// Begin opens a transaction in a log-in session that no reader uses. A transaction that is found open in that session
// was left behind, by a roll-back that never arrived for instance, and is dropped first. An error for which IsLocked
// holds means that somebody else has the configuration.
func (c *Client) Begin(ctx context.Context) (*Transaction, error) {
	if err := c.Sweep(ctx); err != nil {
		return nil, at(stepOpen, err)
	}
	if err := c.clearLeft(ctx); err != nil {
		return nil, at(stepOpen, err)
	}
	s, err := c.takeSession(ctx)
	if err != nil {
		return nil, err
	}
	t := &Transaction{client: c, session: s}
	if err := t.open(ctx); err != nil {
		c.park(s)
		if t.unanswered {
			c.lookAgain(s)
		}
		return nil, asLocked(at(stepOpen, err), true)
	}
	return t, nil
}

func (c *Client) takeSession(ctx context.Context) (*session, error) {
	select {
	case c.looking <- struct{}{}:
		defer func() { <-c.looking }()
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if s := c.idle; s != nil {
		c.idle = nil
		return s, nil
	}
	return c.newSession(steadfast)
}

// park keeps the log-in session for the next transaction: log-ins cost time and appear in the appliance's logs.
func (c *Client) park(s *session) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.idle == nil {
		c.idle = s
		return
	}
	s.rest.Close()
}

// reclaim takes a parked session back; false means that a later transaction has it.
func (c *Client) reclaim(s *session) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.idle != s {
		return false
	}
	c.idle = nil
	return true
}

func (t *Transaction) open(ctx context.Context) error {
	kept := t.session.current()
	state, err := t.status(ctx)
	if kept != "" && rest.IsUnauthorized(err) { // it has idled out since the last transaction; nothing is open yet
		if _, err := t.session.renew(ctx, kept); err != nil {
			return err
		}
		state, err = t.status(ctx)
	}
	if err != nil {
		return err
	}
	if state.Status != statusClosed {
		if err := t.drop(ctx); err != nil {
			return err
		}
	}
	t.messageRequired = state.CommitMessage == "required"
	return t.post(ctx)
}

// Opened is when the appliance was asked to open the transaction: it has the lock since then, or since a little later.
func (t *Transaction) Opened() time.Time { return t.opened }

// post opens the transaction. Versions since 6.5 would also open one with the first change, but all take the POST
// (sps contract 3), and it finds a lock before anything is written.
func (t *Transaction) post(ctx context.Context) error {
	t.opened = time.Now()
	err := t.session.send(ctx, transactionRequest(http.MethodPost), nil)
	switch {
	case rest.IsConflict(err): // open already, or locked by somebody else (sps contract Q5)
		if state, statusErr := t.status(ctx); statusErr == nil && state.Status == statusOpen {
			return nil
		}
	case rest.IsOutcomeUnknown(err):
		t.unanswered = true
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), letGoTimeout)
		defer cancel()
		_ = t.drop(ctx) // the error of the POST says more; the next Begin tries again
	}
	return err
}

const (
	statusOpen   = "open"
	statusClosed = "closed"
)

type transactionState struct {
	Status        string `json:"status"`
	CommitMessage string `json:"commit_message"`
}

// status reads the state, which is in "transaction" up to 7.x and in "body" since 8.0 (sps contract 3).
func (t *Transaction) status(ctx context.Context) (transactionState, error) {
	var answer struct {
		Transaction transactionState `json:"transaction"`
		Body        transactionState `json:"body"`
	}
	req := transactionRequest(http.MethodGet)
	if err := t.session.rest.DoJSON(ctx, req, &answer); err != nil {
		return transactionState{}, err
	}
	switch {
	case answer.Body.Status != "":
		return answer.Body, nil
	case answer.Transaction.Status != "":
		return answer.Transaction, nil
	}
	return transactionState{}, malformed(req, "the answer has no status")
}

func transactionRequest(method string) rest.Request {
	return rest.Request{Method: method, Path: []string{"api", "transaction"}}
}

// Rollback drops the transaction, what was written in it, and the lock. It may be repeated, and a transaction that is
// gone already is no error. The context should be one that outlives the work: this call matters most when the work was
// cancelled.
func (t *Transaction) Rollback(ctx context.Context) error {
	if t.phase == phaseEnded || t.phase == phaseLeft && !t.unanswered && !t.client.reclaim(t.session) {
		t.phase = phaseEnded
		return nil
	}
	err := t.drop(ctx)
	t.phase = phaseEnded
	if err != nil {
		t.phase = phaseLeft
	}
	t.forgetSecrets()
	if t.unanswered {
		t.client.leave(t.session)
		return at(stepRollback, err)
	}
	t.client.park(t.session)
	if err != nil {
		t.client.lookAgain(t.session)
	}
	return at(stepRollback, err)
}

// forgetSecrets is for when the appliance has nothing to say of the transaction any more.
func (t *Transaction) forgetSecrets() {
	for _, forget := range t.secrets {
		forget()
	}
	t.secrets = nil
}

// drop deletes the transaction. 404 and 409 mean that there is none, and 401 that the log-in session has ended, which
// ended the transaction with it (sps contract 3, time-out).
func (t *Transaction) drop(ctx context.Context) error {
	err := t.session.send(rest.Vital(ctx), transactionRequest(http.MethodDelete), nil)
	if rest.IsNotFound(err) || rest.IsConflict(err) || rest.IsUnauthorized(err) {
		return nil
	}
	return err
}
