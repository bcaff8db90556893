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

// This file handles connections that log in with the same credentials. When those stop working, because the password or
// key was changed on the server, the first refusal counts for all of them: if each had a refusal of its own, together
// they would lock the account.

// fingerprint identifies credentials within the process: its key is made by the ledger and stored nowhere.
type fingerprint [sha256.Size]byte

// refusalOf is a refusal of credentials at an address.
type refusalOf struct {
	keys      []string
	at, until time.Time
}

// newFingerprintKey returns the key of a ledger's fingerprints.
func newFingerprintKey() []byte {
	key := make([]byte, sha256.Size)
	_, _ = rand.Read(key) // never fails
	return key
}

// Credentials sets what the account logs in with, so that other connections' results with the same credentials count.
// It must be called before the first Begin.
func (a *Account) Credentials(parts ...string) {
	mac := hmac.New(sha256.New, a.ledger.fingerprintKey)
	for _, part := range parts {
		_, _ = fmt.Fprintf(mac, "%d:%s", len(part), part)
	}
	a.mu.Lock()
	copy(a.shared[:], mac.Sum(nil))
	record := a.record
	a.mu.Unlock()
	if record.Failures > 0 { // known from an earlier process
		a.ledger.noteShared(a.shared, []string{a.key(a.address)}, record.LastFailure, record.Retry)
	}
}

// lockShared waits while another connection tries the same credentials, and fails with a *ThrottledError if they are
// known to be refused. Credentials that were accepted meanwhile need no further waiting.
func (a *Account) lockShared(ctx context.Context) (release func(), err error) {
	if a.shared == (fingerprint{}) {
		return func() {}, nil
	}
	began := a.ledger.now()
	release, err = a.ledger.lock(ctx, string(a.shared[:]))
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

// sharedRefusal fails if the same credentials were refused at this address, on any connection, and may not be sent yet.
// Refusals before the last Clear do not count.
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
			return &ThrottledError{Until: r.until, Why: fmt.Sprintf("the same credentials were refused at %s on another "+
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

// noteShared records a refusal, and forgets expired ones of all credentials.
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

// acceptShared records that credentials work.
func (l *Ledger) acceptShared(of fingerprint) {
	if of == (fingerprint{}) {
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.refused, of)
	now := l.now()
	for known, at := range l.accepted { // only log-ins that are waiting now ask
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
