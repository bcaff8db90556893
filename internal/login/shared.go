// SPDX-License-Identifier: Apache-2.0

package login

import (
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"fmt"
	"slices"
	"time"
)

// This file is about connections that log in with the same credentials. When those are not right any more, because
// somebody has changed the password or the key at the server, the first refusal tells it for all of them: if each had
// one of its own, they would lock the account together.

// fingerprint tells credentials from others, within the process alone: its key is made by the ledger and kept nowhere.
type fingerprint [sha256.Size]byte

// refusalOf is a refusal of credentials at an address.
type refusalOf struct {
	keys      []string
	at, until time.Time
}

// newFingerprintKey makes the key of a ledger's fingerprints.
func newFingerprintKey() []byte {
	key := make([]byte, sha256.Size)
	_, _ = rand.Read(key) // never fails
	return key
}

// Credentials says what the account logs in with, so that what other connections learn of the same credentials counts.
// It is called before the first Begin.
func (a *Account) Credentials(parts ...string) {
	mac := hmac.New(sha256.New, a.ledger.fingerprintKey)
	for _, part := range parts {
		_, _ = fmt.Fprintf(mac, "%d:%s", len(part), part)
	}
	a.mu.Lock()
	copy(a.shared[:], mac.Sum(nil))
	record := a.record
	a.mu.Unlock()
	if record.Failures > 0 { // an earlier process was told
		a.ledger.noteShared(a.shared, []string{a.key(a.address)}, record.LastFailure, record.Retry)
	}
}

// enterShared waits while another connection tries the same credentials, and fails with a *HeldError if they are known
// to be refused. Those that have just been accepted are not waited for any longer.
func (a *Account) enterShared(ctx context.Context) (release func(), err error) {
	if a.shared == (fingerprint{}) {
		return func() {}, nil
	}
	began := a.ledger.now()
	release, err = a.ledger.take(ctx, string(a.shared[:]))
	if err != nil {
		return nil, err
	}
	if err := a.sharedRefusal(ctx); err != nil {
		release()
		return nil, err
	}
	if a.ledger.acceptedSince(a.shared, began) {
		release()
		return func() {}, nil
	}
	return release, nil
}

// sharedRefusal says that the same credentials were refused at this address, to whichever connection, and may not be
// sent yet. A refusal does not count from before somebody said that its cause is gone.
func (a *Account) sharedRefusal(ctx context.Context) error {
	known := a.ledger.sharedRefusals(a.shared)
	if len(known) == 0 {
		return nil
	}
	a.mu.Lock()
	cleared := a.cleared
	a.mu.Unlock()
	keys := a.keys(ctx)
	for _, r := range known {
		same := slices.ContainsFunc(keys, func(key string) bool { return slices.Contains(r.keys, key) })
		if same && r.at.After(cleared) && a.ledger.now().Before(r.until) {
			return &HeldError{Until: r.until, Why: fmt.Sprintf("the same credentials were refused at %s, through another "+
				"connection", r.at.UTC().Format(time.RFC3339))}
		}
	}
	return nil
}

func (l *Ledger) sharedRefusals(of fingerprint) []refusalOf {
	l.mu.Lock()
	defer l.mu.Unlock()
	return slices.Clone(l.refused[of])
}

// noteShared notes a refusal, and forgets those that are over, of whichever credentials.
func (l *Ledger) noteShared(of fingerprint, keys []string, at, until time.Time) {
	l.mu.Lock()
	defer l.mu.Unlock()
	now := l.now()
	for known, list := range l.refused {
		list = slices.DeleteFunc(list, func(r refusalOf) bool { return !now.Before(r.until) })
		if l.refused[known] = list; len(list) == 0 {
			delete(l.refused, known)
		}
	}
	if now.Before(until) {
		l.refused[of] = append(l.refused[of], refusalOf{keys, at, until})
	}
}

// acceptShared notes that credentials work.
func (l *Ledger) acceptShared(of fingerprint) {
	if of == (fingerprint{}) {
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.refused, of)
	now := l.now()
	for known, at := range l.accepted { // only who waits at this moment asks
		if now.Sub(at) > time.Hour {
			delete(l.accepted, known)
		}
	}
	l.accepted[of] = now
}

func (l *Ledger) acceptedSince(of fingerprint, began time.Time) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	at, ok := l.accepted[of]
	return ok && !at.Before(began)
}
