// SPDX-License-Identifier: Apache-2.0

package sps

import (
	"context"
	"net/http"

	"github.com/pam-operator/pam-operator/internal/rest"
)

// List returns the collection as it is inside the transaction, uncommitted writes included; see Client.List.
func (t *Transaction) List(ctx context.Context, collection Collection) ([]Record, error) {
	if t.phase != phaseOpen {
		return nil, errEnded
	}
	records, complete, err := list(ctx, t.session.rest, collection)
	if err == nil {
		t.client.learnList(collection, complete)
	}
	return records, at(stepRead, err)
}

// Get returns one object as it is inside the transaction.
func (t *Transaction) Get(ctx context.Context, collection Collection, key string) (Object, error) {
	if t.phase != phaseOpen {
		return Object{}, errEnded
	}
	r, err := get(ctx, t.session.rest, collection, key)
	return r.Object(), at(stepRead, err)
}

// Create adds an object, at the end of its collection (sps contract 4.7, inferred), and returns its key. References in
// the body are keys (see Dereference). After an error for which rest.IsOutcomeUnknown holds it may exist: search for
// its name before creating it again.
func (t *Transaction) Create(ctx context.Context, collection Collection, body Body) (key string, err error) {
	var answer struct {
		Key string `json:"key"`
	}
	req := rest.Request{Method: http.MethodPost, Path: collection.path(), Body: body}
	if err := t.write(ctx, req, &answer); err != nil {
		return "", err
	}
	if !rest.IsIdentifier(answer.Key, maxKey) {
		return "", at(stepWrite, malformed(req, "the answer does not tell the key of the new object, or one that is none"))
	}
	t.own.add(created, collection, answer.Key, Record{})
	return answer.Key, nil
}

// Replace writes an object; the body is the full one, since what it does not have is lost (sps contract 4.3).
func (t *Transaction) Replace(ctx context.Context, collection Collection, key string, body Body) error {
	sent, err := NewRecord(key, body)
	if err != nil {
		return err
	}
	if err := t.write(ctx, rest.Request{Method: http.MethodPut, Path: collection.path(key), Body: body}, nil); err != nil {
		return err
	}
	t.own.add(replaced, collection, key, sent)
	return nil
}

// Delete removes an object. The appliance refuses it for one that others refer to, and for built-in ones.
func (t *Transaction) Delete(ctx context.Context, collection Collection, key string) error {
	err := t.write(ctx, rest.Request{Method: http.MethodDelete, Path: collection.path(key)}, nil)
	if err == nil {
		t.own.add(deleted, collection, key, Record{})
	}
	return err
}

// Writes returns how many writes the appliance has carried out, or may have where the outcome is not known. Those that
// it refused changed nothing and do not count.
func (t *Transaction) Writes() int { return t.writes }

// write sends a change. One that is refused in a transaction that has lost what was written before is not to blame.
func (t *Transaction) write(ctx context.Context, req rest.Request, out any) error {
	if t.phase != phaseOpen {
		return errEnded
	}
	err := t.send(ctx, req, out)
	if err == nil {
		t.accepted = true
		return nil
	}
	if t.accepted && mayFollowFromATear(err) {
		if torn := t.torn(ctx); torn != nil {
			return torn
		}
	}
	return asLocked(err, !t.accepted)
}

// mayFollowFromATear says that the appliance refused something because, perhaps, what it refers to was lost.
func mayFollowFromATear(err error) bool {
	answer := rest.As(err)
	return answer != nil && !rest.IsOutcomeUnknown(err) && !IsTransactionLost(err) && !IsFenced(err) &&
		answer.Status != http.StatusLocked
}

// send is write without a judgement.
func (t *Transaction) send(ctx context.Context, req rest.Request, out any) error {
	err := t.session.send(ctx, req, out)
	unknown := rest.IsOutcomeUnknown(err)
	t.unanswered = t.unanswered || unknown
	if err == nil || unknown {
		t.writes++
	}
	return at(stepWrite, err)
}
