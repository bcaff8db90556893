// SPDX-License-Identifier: Apache-2.0

package sps

import (
	"context"
	"net/http"

	"github.com/pam-operator/pam-operator/internal/rest"
)

// List returns the collection as seen inside the transaction, including uncommitted writes; see Client.List.
func (t *Transaction) List(ctx context.Context, collection Collection) ([]Record, error) {
	if t.phase != phaseOpen {
		return nil, errEnded
	}
	records, complete, err := list(ctx, t.session.rest, collection)
	if err == nil {
		t.client.learnList(collection, complete)
	}
	return records, atStep(stepRead, err)
}

// Get returns one object as seen inside the transaction.
func (t *Transaction) Get(ctx context.Context, collection Collection, key string) (Object, error) {
	if t.phase != phaseOpen {
		return Object{}, errEnded
	}
	object, err := getObject(ctx, t.session.rest, collection, key)
	return object, atStep(stepRead, err)
}

// Create adds an object at the end of its collection (docs/vendors/sps.md 4.7, inferred), and returns its key.
// References in the body are keys (see Dereference). After an error for which rest.IsOutcomeUnknown holds, the object
// may exist: search for its name before creating it again.
func (t *Transaction) Create(ctx context.Context, collection Collection, body Body) (key string, err error) {
	var answer struct {
		Key string `json:"key"`
	}
	req := rest.Request{
		Operation: operationCreate, Method: http.MethodPost, Path: collection.path(), Body: body,
	}
	if err := t.write(ctx, req, &answer); err != nil {
		return "", err
	}
	if !rest.IsIdentifier(answer.Key, maxKey) {
		return "", atStep(stepWrite, malformed(req, "the answer has no valid key of the new object"))
	}
	t.own.add(created, collection, answer.Key, Record{})
	return answer.Key, nil
}

// Replace writes an object; the body must be complete, because members that it lacks are lost
// (docs/vendors/sps.md 4.3).
func (t *Transaction) Replace(ctx context.Context, collection Collection, key string, body Body) error {
	sent, err := NewRecord(key, body)
	if err != nil {
		return err
	}
	req := rest.Request{
		Operation: operationReplace, Method: http.MethodPut, Path: collection.path(key), Body: body,
	}
	if err := t.write(ctx, req, nil); err != nil {
		return err
	}
	t.own.add(replaced, collection, key, sent)
	return nil
}

// Delete removes an object. The appliance refuses to delete built-in objects and those that others refer to.
func (t *Transaction) Delete(ctx context.Context, collection Collection, key string) error {
	err := t.write(ctx, rest.Request{
		Operation: operationDelete, Method: http.MethodDelete, Path: collection.path(key),
	}, nil)
	if err == nil {
		t.own.add(deleted, collection, key, Record{})
	}
	return err
}

// Writes returns how many writes the appliance has, or may have, carried out. Refused ones changed nothing and do not
// count.
func (t *Transaction) Writes() int { return t.writes }

// write sends a change. If the transaction was torn, the error is that and not the refusal of this write.
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

// mayFollowFromATear reports whether a refusal may be caused by the loss of something that the write refers to.
func mayFollowFromATear(err error) bool {
	answer := rest.As(err)
	return answer != nil && !rest.IsOutcomeUnknown(err) && !IsTransactionLost(err) && !IsFenced(err) &&
		answer.Status != http.StatusLocked
}

// send is write without interpreting the error.
func (t *Transaction) send(ctx context.Context, req rest.Request, out any) error {
	err := t.session.send(ctx, req, out)
	unknown := rest.IsOutcomeUnknown(err)
	t.inFlight = t.inFlight || unknown
	if err == nil || unknown {
		t.writes++
	}
	return atStep(stepWrite, err)
}
