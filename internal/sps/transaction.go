// SPDX-License-Identifier: Apache-2.0

package sps

import (
	"context"
	"errors"
	"net/http"
	"time"

	"github.com/pam-operator/pam-operator/internal/rest"
)

// abortTimeout bounds the roll-back of a transaction that may have been opened. A slow appliance gets as long for it as
// for any call.
const abortTimeout = rest.DefaultTimeout

// errEnded is returned by calls on a transaction that was committed or rolled back.
var errEnded = errors.New("the transaction has ended")

// Transaction is an open transaction. It holds the configuration lock of the appliance, so it must end in a Commit
// that succeeds or in a Rollback, on every path. It is not safe for concurrent use.
type Transaction struct {
	client  *Client
	session *loginSession
	phase   phase
	opened  time.Time

	messageRequired bool
	writes          int
	accepted        bool // a write was accepted, so the lock is ours
	inFlight        bool // a request without an answer may still arrive
	own             footprint
	secrets         []func() // forget the passwords that were written
}

type phase int

const (
	phaseOpen phase = iota
	// phaseRollbackFailed is after a failed roll-back. The session is idle, and the next transaction cleans it up; or
	// it is retired, and is cleaned up before the next transaction.
	phaseRollbackFailed
	phaseEnded
)

// Begin opens a transaction in a log-in session that no reader uses. A transaction already open in that session is left
// over, for example from a roll-back that never arrived, and is dropped first. An error for which IsLocked holds means
// that another client has the lock.
func (c *Client) Begin(ctx context.Context) (*Transaction, error) {
	if err := c.Sweep(ctx); err != nil {
		return nil, atStep(stepOpen, err)
	}
	if err := c.rollBackRetired(ctx); err != nil {
		return nil, atStep(stepOpen, err)
	}
	s, err := c.takeLoginSession(ctx)
	if err != nil {
		return nil, err
	}
	t := &Transaction{client: c, session: s}
	if err := t.open(ctx); err != nil {
		c.park(s)
		if t.inFlight {
			c.watchForStray(s)
		}
		return nil, asLocked(atStep(stepOpen, err), true)
	}
	return t, nil
}

func (c *Client) takeLoginSession(ctx context.Context) (*loginSession, error) {
	select {
	case c.idleLock <- struct{}{}:
		defer func() { <-c.idleLock }()
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if s := c.idle; s != nil {
		c.idle = nil
		return s, nil
	}
	return c.newLoginSession(noRelogin)
}

// park keeps the log-in session for the next transaction: log-ins take time and appear in the appliance's logs.
func (c *Client) park(s *loginSession) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.idle == nil {
		c.idle = s
		return
	}
	s.rest.Close()
}

// reclaim takes a parked session back, and reports false if a later transaction has it.
func (c *Client) reclaim(s *loginSession) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.idle != s {
		return false
	}
	c.idle = nil
	return true
}

func (t *Transaction) open(ctx context.Context) error {
	cookie := t.session.current()
	state, err := t.status(ctx)
	if cookie != "" && rest.IsUnauthorized(err) { // timed out since the last transaction; nothing is open yet
		if _, err := t.session.replaceCookie(ctx, cookie); err != nil {
			return err
		}
		state, err = t.status(ctx)
	}
	if err != nil {
		return err
	}
	if state.Status != statusClosed {
		if err := t.delete(ctx); err != nil {
			return err
		}
	}
	t.messageRequired = state.CommitMessage == "required"
	return t.post(ctx)
}

// Opened returns when the appliance was asked to open the transaction: the lock is held since then or slightly later.
func (t *Transaction) Opened() time.Time { return t.opened }

// post opens the transaction. Versions since 6.5 would also open one with the first change, but all accept the POST
// (docs/vendors/sps.md 3), and it finds a lock before anything is written.
func (t *Transaction) post(ctx context.Context) error {
	t.opened = time.Now()
	err := t.session.send(ctx, transactionRequest(operationOpen, http.MethodPost), nil)
	switch {
	case rest.IsConflict(err): // open already, or locked by another client (docs/vendors/sps.md Q5)
		if state, statusErr := t.status(ctx); statusErr == nil && state.Status == statusOpen {
			return nil
		}
	case rest.IsOutcomeUnknown(err):
		t.inFlight = true
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), abortTimeout)
		defer cancel()
		_ = t.delete(ctx) // the error of the POST is more useful; the next Begin tries again
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

// status reads the state, which is in "transaction" up to 7.x and in "body" since 8.0 (docs/vendors/sps.md 3).
func (t *Transaction) status(ctx context.Context) (transactionState, error) {
	var answer struct {
		Transaction transactionState `json:"transaction"`
		Body        transactionState `json:"body"`
	}
	req := transactionRequest(operationStatus, http.MethodGet)
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

func transactionRequest(operation, method string) rest.Request {
	return rest.Request{Operation: operation, Method: method, Path: []string{"api", "transaction"}}
}

// Rollback drops the transaction, everything written in it, and the lock. It may be repeated, and it is no error if the
// transaction has already ended. The context should outlive the work: this call matters most when the work was
// cancelled.
func (t *Transaction) Rollback(ctx context.Context) error {
	if t.phase == phaseEnded || t.phase == phaseRollbackFailed && !t.inFlight && !t.client.reclaim(t.session) {
		t.phase = phaseEnded
		return nil
	}
	err := t.delete(ctx)
	t.phase = phaseEnded
	if err != nil {
		t.phase = phaseRollbackFailed
	}
	t.forgetSecrets()
	if t.inFlight {
		t.client.retire(t.session)
		return atStep(stepRollback, err)
	}
	t.client.park(t.session)
	if err != nil {
		t.client.watchForStray(t.session)
	}
	return atStep(stepRollback, err)
}

// forgetSecrets is called once the appliance has no more to report about the transaction.
func (t *Transaction) forgetSecrets() {
	for _, forget := range t.secrets {
		forget()
	}
	t.secrets = nil
}

// delete deletes the transaction. 404 and 409 mean that there is none, and 401 that the log-in session has ended, and
// the transaction with it (docs/vendors/sps.md 3, time-out).
func (t *Transaction) delete(ctx context.Context) error {
	err := t.session.send(rest.Vital(ctx), transactionRequest(operationRollBack, http.MethodDelete), nil)
	if rest.IsNotFound(err) || rest.IsConflict(err) || rest.IsUnauthorized(err) {
		return nil
	}
	return err
}
