// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	pamv1alpha1 "github.com/pam-operator/pam-operator/api/v1alpha1"
	"github.com/pam-operator/pam-operator/internal/simulator/nps"
)

func TestStartDelaysAreSpreadEvenly(t *testing.T) {
	const longest, n = 25 * time.Second, 100
	delays := make([]time.Duration, 0, n)
	for i := range n {
		delays = append(delays, startDelay(i, longest))
	}
	slices.Sort(delays)
	for i, d := range delays {
		even := longest/5 + time.Duration(i)*(longest-longest/5)/n
		if off := (d - even).Abs(); off > longest/20 {
			t.Errorf("delay %d is %s, %s off an even spread", i, d, off)
		}
	}
}

func TestAtRate(t *testing.T) {
	var calls atomic.Int64
	count := func(context.Context, int) error { calls.Add(1); return nil }
	if err := atRate(t.Context(), 20, 1000, count); err != nil || calls.Load() != 20 {
		t.Errorf("%d calls, error %v", calls.Load(), err)
	}
	refused := errors.New("refused")
	if err := atRate(t.Context(), 1000, 1, func(context.Context, int) error { return refused }); !errors.Is(err, refused) {
		t.Errorf("error %v, want that of the call", err)
	}
	ended, end := context.WithCancel(t.Context())
	end()
	if err := atRate(ended, 1000, 1, count); !errors.Is(err, context.Canceled) {
		t.Errorf("error %v of an ended context", err)
	}
}

func TestConnectionSecretsAreNotedOnce(t *testing.T) {
	s := &connectionSecrets{there: map[string]time.Time{}, gone: map[string]time.Time{}, changed: make(chan struct{}, 1)}
	secret := &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Name: "spread-1"}, Type: pamv1alpha1.SecretTypeConnection}
	s.note(secret, s.there)
	first := s.there["spread-1"]
	s.note(secret, s.there)
	s.note(&corev1.Secret{ObjectMeta: metav1.ObjectMeta{Name: "spread-2"}}, s.there)
	if s.created(spreadPrefix) != 1 || s.created(burstPrefix) != 0 || !s.there["spread-1"].Equal(first) {
		t.Errorf("noted %v", s.there)
	}
	got, err := s.waits([]nps.Session{{Note: `pam-operator/uid/1 "spread-1"`, Started: first.Add(-time.Second)}})
	if err != nil || len(got) != 1 || got[0] != time.Second {
		t.Errorf("waits %v, error %v", got, err)
	}
	for name, x := range map[string]nps.Session{
		"not started": {Note: "spread-1"}, "without a Secret": {Note: "spread-3", Started: first},
	} {
		if _, err := s.waits([]nps.Session{x}); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
	s.note(secret, s.gone)
	ends := map[string]time.Time{"spread-1": s.gone["spread-1"].Add(-2 * time.Second)}
	if got := s.removals(ends); len(got) != 1 || got[0] != 2*time.Second {
		t.Errorf("removals %v", got)
	}
}

// The script that the operator is compared with must do what it claims.
func TestTheScriptPollsUntilActiveAndFetches(t *testing.T) {
	b := testBench(t, "-sessions=4", "-session-rate=1000", "-provisioning=100ms", "-script-interval=5ms")
	defer func() {
		for _, closer := range b.closers {
			if err := closer(); err != nil {
				t.Error(err)
			}
		}
	}()
	s, err := startServer(t.Context(), b)
	if err != nil {
		t.Fatal(err)
	}
	result, err := b.runScripts(t.Context(), s)
	if err != nil {
		t.Fatal(err)
	}
	got, calls := s.Stats(), tallyBy(s.Faults().Calls(), serverKindOf)
	if got.Creates != 4 || got.RDPs != 2 || got.SSHs != 2 || got.SecondFactors != 4 || calls[callGet] < 4 {
		t.Errorf("%+v, %s", got, calls)
	}
	if calls[callOther] != 0 || calls[callList] != 0 {
		t.Errorf("calls that the script does not make: %s", calls)
	}
	if len(result.waits) != 4 || slices.Min(result.waits) < 0 || slices.Min(result.lives) < quickestStart(b.provisioning) {
		t.Errorf("waits %v, lives %v", result.waits, result.lives)
	}
}

func TestTheScriptStopsWhereTheSessionFails(t *testing.T) {
	b := testBench(t, "-sessions=1", "-provisioning=5ms", "-script-interval=1ms")
	s, err := startServer(t.Context(), b)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = b.closers[0]() }()
	s.SetSwitches(func(w *nps.Switches) { w.ProvisioningError = "no route" })
	if _, err := b.runScripts(t.Context(), s); err == nil || !strings.Contains(err.Error(), "state 4") {
		t.Errorf("error %v, want one that names the state", err)
	}
}

func TestThePictureOfSessions(t *testing.T) {
	file := filepath.Join(t.TempDir(), "x.svg")
	r := report{options: testBench(t).options, measurements: measurements{
		oursWaits: []time.Duration{time.Second, 2 * time.Second}, scriptWaits: []time.Duration{9 * time.Second},
	}}
	if err := r.drawSessions(file); err != nil {
		t.Fatal(err)
	}
	content, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"operator, polls every 2s", "script, polls every 15s"} {
		if !strings.Contains(string(content), want) {
			t.Errorf("%q is not in the picture", want)
		}
	}
}

func TestShares(t *testing.T) {
	got := shares([]time.Duration{4 * time.Second, time.Second, 2 * time.Second, 3 * time.Second})
	for percent, want := range map[int]float64{0: 0, 25: 1, 26: 2, 50: 2, 100: 4} {
		if at := got[percent]; at.x != want || at.y != float64(percent) {
			t.Errorf("%d percent: %+v, want %v seconds", percent, at, want)
		}
	}
}
