// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"
	toolscache "k8s.io/client-go/tools/cache"

	pamv1alpha1 "github.com/pam-operator/pam-operator/api/v1alpha1"
	"github.com/pam-operator/pam-operator/internal/simulator/nps"
)

// connectionSecrets watches the Secrets of sessions: when each first existed, and when it was gone. A Secret has the
// name of its object.
type connectionSecrets struct {
	mu          sync.Mutex
	there, gone map[string]time.Time
	changed     chan struct{}
}

func (d *sessionBed) watchSecrets(ctx context.Context) error {
	s := &connectionSecrets{
		there: map[string]time.Time{}, gone: map[string]time.Time{}, changed: make(chan struct{}, 1),
	}
	d.secrets = s
	return d.watch(ctx, &corev1.Secret{}, toolscache.ResourceEventHandlerFuncs{
		AddFunc:    func(o any) { s.note(o, s.there) },
		DeleteFunc: func(o any) { s.note(o, s.gone) },
	})
}

func (s *connectionSecrets) note(object any, times map[string]time.Time) {
	secret, ok := object.(*corev1.Secret)
	if !ok || secret.Type != pamv1alpha1.SecretTypeConnection {
		return
	}
	s.mu.Lock()
	if _, known := times[secret.Name]; !known {
		times[secret.Name] = time.Now()
	}
	s.mu.Unlock()
	select {
	case s.changed <- struct{}{}:
	default:
	}
}

// created and deleted count the Secrets of objects with this prefix.
func (s *connectionSecrets) created(prefix string) int { return s.count(s.there, prefix) }
func (s *connectionSecrets) deleted(prefix string) int { return s.count(s.gone, prefix) }

func (s *connectionSecrets) count(times map[string]time.Time, prefix string) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	n := 0
	for name := range times {
		if strings.HasPrefix(name, prefix) {
			n++
		}
	}
	return n
}

// objectOf returns the object behind a session: the note quotes its name.
func objectOf(s nps.Session) string {
	if _, quoted, ok := strings.Cut(s.Note, `"`); ok {
		name, _, _ := strings.Cut(quoted, `"`)
		return name
	}
	name, _, _ := strings.Cut(s.Note, " ")
	return name
}

// waits are how long after each session's start on the server its Secret existed.
func (s *connectionSecrets) waits(sessions []nps.Session) ([]time.Duration, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	out := make([]time.Duration, 0, len(sessions))
	for _, x := range sessions {
		at, ok := s.there[objectOf(x)]
		if !ok || x.Started.IsZero() {
			return nil, fmt.Errorf("the session of %q: started %t, with a Secret %t", objectOf(x), !x.Started.IsZero(), ok)
		}
		out = append(out, at.Sub(x.Started))
	}
	return out, nil
}

// removals are how long after the end of each of these sessions its Secret was gone.
func (s *connectionSecrets) removals(ends map[string]time.Time) []time.Duration {
	s.mu.Lock()
	defer s.mu.Unlock()
	out := make([]time.Duration, 0, len(ends))
	for name, at := range ends {
		out = append(out, s.gone[name].Sub(at))
	}
	return out
}
