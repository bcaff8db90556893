// SPDX-License-Identifier: Apache-2.0

package sps

import (
	"context"
	"fmt"
	"net/http"

	"github.com/pam-operator/pam-operator/internal/rest"
)

// messageMembers are the members in which an appliance may expect the commit message. The vendor names the first in
// prose and shows neither in a sample (docs/vendors/sps.md Q4).
var messageMembers = [...]string{"commit_message", "message"}

// Commit makes what was written take effect and ends the transaction. The message is sent only to an appliance that
// requires one. After an error the transaction still counts as open, whatever the error (docs/vendors/sps.md Q3): roll
// it back. If rest.IsOutcomeUnknown holds, read the current state before writing anything again.
func (t *Transaction) Commit(ctx context.Context, message string) error {
	if t.phase != phaseOpen {
		return errEnded
	}
	if err := t.commit(ctx, message); err != nil {
		err = asLocked(atStep(stepCommit, err), false)
		t.inFlight = t.inFlight || rest.IsOutcomeUnknown(err) && !IsLocked(err)
		return err
	}
	t.phase = phaseEnded
	t.forgetSecrets()
	t.client.park(t.session)
	return nil
}

func (t *Transaction) commit(ctx context.Context, message string) error {
	if !t.messageRequired {
		return t.putCommit(ctx, nil)
	}
	if known := t.client.knownMessageMember(); known != "" {
		return t.putCommit(ctx, map[string]string{known: message})
	}
	var refusals error
	for _, member := range messageMembers {
		err := t.putCommit(ctx, map[string]string{member: message})
		if err == nil {
			t.client.learnMessageMember(member)
			return nil
		}
		if answer := rest.As(err); answer == nil || answer.Status != http.StatusBadRequest {
			return err
		}
		if refusals == nil {
			refusals = err
			continue
		}
		// Either refusal may be the one about the content, so both are shown.
		refusals = fmt.Errorf("%w; with the member %q: %w", refusals, member, err)
	}
	return refusals
}

func (t *Transaction) putCommit(ctx context.Context, extra map[string]string) error {
	body := map[string]string{"status": "commit"}
	for member, value := range extra {
		body[member] = value
	}
	req := transactionRequest(operationCommit, http.MethodPut)
	req.Body, req.Timeout = body, t.client.cfg.CommitTimeout
	return t.session.send(ctx, req, nil)
}

func (c *Client) knownMessageMember() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.messageMember
}

func (c *Client) learnMessageMember(member string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.messageMember = member
}
