// SPDX-License-Identifier: Apache-2.0

// Package appliance represents one SPS appliance as reached through one connection: the inventory of its committed
// configuration, and the group commit that is the only way to change it. It does not know Kubernetes.
package appliance

import (
	"context"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"

	pamv1alpha1 "github.com/pam-operator/pam-operator/api/v1alpha1"
	"github.com/pam-operator/pam-operator/internal/credential"
	"github.com/pam-operator/pam-operator/internal/gate"
	"github.com/pam-operator/pam-operator/internal/groupcommit"
	"github.com/pam-operator/pam-operator/internal/rest"
	"github.com/pam-operator/pam-operator/internal/sps"
)

// DefaultCommitMessage is sent where the appliance asks for a message and the connection has none.
const DefaultCommitMessage = "change by pam-operator"

// Appliance is an SPS appliance as reached through one connection: its reads, its inventory, and the one way to change
// it.
type Appliance struct {
	// URL is the canonical address; connections with the same URL reach the same appliance.
	URL string
	// Account is the name of the account that the connection logs in with, if it is known.
	Account string
	// Inventory shows the committed configuration.
	Inventory *Inventory
	// Breaker blocks calls while the appliance does not answer.
	Breaker *rest.Breaker
	// LogIns are the connection's log-ins.
	LogIns *credential.LogIns
	// Certificate is what the connection logs in with, if it uses one.
	Certificate credential.Certificate

	loggedIn  bool
	client    *sps.Client
	gate      gate.Gate
	leave     func() // releases the gate
	memory    *rest.Share
	turns     gate.Gate
	committer *groupcommit.Committer[*Transaction]

	observer Observer
	waiting  atomic.Int64 // callers of Change

	mu       sync.Mutex
	settings pamv1alpha1.CommitSettings
	activity Activity
	notify   func()
}

// Activity is what happened on an appliance recently.
type Activity struct {
	// LockedBy and LockedSince describe another client's lock of the configuration, found by the last attempt to change
	// it, at LockedAt. LockedSince is zero if there was none.
	LockedBy              string
	LockedSince, LockedAt time.Time
	// LastCommit is the last transaction that was committed through this connection; its Time is zero before the first.
	LastCommit Commit
	// RefusesAll is how every commit was refused since then, if many different ones were; empty otherwise.
	RefusesAll string
}

// Commit is one committed transaction.
type Commit struct {
	Time    time.Time
	Changes int
	Hold    time.Duration
}

// Config is what an Appliance needs.
type Config struct {
	// Client sends the requests. Its breaker is Breaker.
	Client  *sps.Client
	Breaker *rest.Breaker
	// URL is the canonical address, and Account the name of the account, if it is known.
	URL, Account string
	LogIns       *credential.LogIns
	Certificate  credential.Certificate
	// LoggedIn says that the account was accepted there before, with other credentials.
	LoggedIn bool
	// Gate admits one transaction at a time. Connections to the same appliance share it, so that they queue here and do
	// not refuse each other on the appliance. Each connection keeps its own log-in, so that no change is made with another
	// connection's rights. Leave is called when the gate is no longer needed; may be nil.
	Gate  gate.Gate
	Leave func()
	// Memory counts answers and the inventory; nil counts nothing.
	Memory *rest.Share
	// LockPause is the longest time that the appliance is not asked again after a lock; 0 is the committer's default.
	LockPause time.Duration
	// Notify is called when Activity has changed; may be nil.
	Notify func()
	// Observer is told what happens, for metrics; nil is told nothing.
	Observer Observer
}

// New returns an appliance. It starts nothing and sends nothing.
func New(cfg Config) *Appliance {
	a := &Appliance{
		URL: cfg.URL, Account: cfg.Account, Inventory: newInventory(cfg.Client, cfg.Memory), Breaker: cfg.Breaker,
		LogIns: cfg.LogIns, Certificate: cfg.Certificate, loggedIn: cfg.LoggedIn,
		client: cfg.Client, gate: cfg.Gate, leave: cfg.Leave, memory: cfg.Memory, turns: gate.New(maxTurns),
		notify: cfg.Notify, observer: cfg.Observer,
	}
	if a.observer == nil {
		a.observer = noObserver{}
	}
	a.Inventory.read = a.observer.InventoryRead
	if a.leave == nil {
		a.leave = func() {}
	}
	if a.notify == nil {
		a.notify = func() {}
	}
	a.committer = groupcommit.New(groupcommit.Options[*Transaction]{
		Name:  strings.TrimPrefix(cfg.URL, "https://"),
		Store: a, Classify: classify, Settings: a.commitSettings, Observe: a.observe, LockPause: cfg.LockPause,
	})
	return a
}

// Identity says whose change it is: the namespace, the object, and what it sends.
type Identity = groupcommit.Identity

// Change commits a change together with those of other callers. It blocks until the change is committed (nil) or is
// known not to be; see groupcommit.Committer.Do.
func (a *Appliance) Change(
	ctx context.Context, whose Identity, change func(ctx context.Context, tx *Transaction) error,
) error {
	a.waiting.Add(1)
	defer a.waiting.Add(-1)
	err := a.committer.Do(ctx, whose, change)
	a.observer.Change(answerOf(err))
	return err
}

// HasLoggedIn reports whether the appliance has ever accepted the account, as far as is known.
func (a *Appliance) HasLoggedIn() bool {
	return a.loggedIn || !a.LogIns.Account().Record().LastSuccess.IsZero()
}

// Refusal returns how the appliance refused a change, if Change would not try it again now.
func (a *Appliance) Refusal(whose Identity) error { return a.committer.Refusal(whose) }

// RetryRefused has Change try again what the appliance has refused.
func (a *Appliance) RetryRefused() { a.committer.ForgetRefusals() }

// Waiting returns how many changes wait for their transaction, or for its commit.
func (a *Appliance) Waiting() int { return int(a.waiting.Load()) }

// Recover ends the transaction that an earlier process may have left open on the appliance, so that nothing waits for
// the appliance's idle time-out. It acts only once, and not while this process has a transaction open there: that may
// belong to the client that this one replaced, and the next Begin recovers, too.
func (a *Appliance) Recover(ctx context.Context) error {
	release, entered := a.gate.TryEnter()
	if !entered {
		return nil
	}
	defer release()
	return a.client.Sweep(ctx)
}

// ActiveSessions lists the live sessions of a connection policy.
func (a *Appliance) ActiveSessions(ctx context.Context, policyKey string) ([]sps.ActiveSession, error) {
	return a.client.ActiveSessions(ctx, policyKey)
}

// Terminate closes a live session.
func (a *Appliance) Terminate(ctx context.Context, sessionID string) error {
	return a.client.Terminate(ctx, sessionID)
}

// Activity returns what happened recently.
func (a *Appliance) Activity() Activity {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.activity
}

// Configure applies settings that need no new client: how changes are committed, and how much memory, in bytes, the
// answers may take.
func (a *Appliance) Configure(settings *pamv1alpha1.CommitSettings, maxMemory int64) {
	if a.memory.SetMax(maxMemory) {
		a.Inventory.RetryTooLarge()
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	a.settings = pamv1alpha1.CommitSettings{}
	if settings != nil {
		a.settings = *settings
	}
}

// stepTimeout is the last resort against a step that never ends. Normally each call of a step has its own time-out: an
// appliance that answers every call slowly works, however many calls a step takes. The commit, which is tried with at
// most two names of its message field, has commit.timeout in addition.
const stepTimeout = 10 * time.Minute

func (a *Appliance) commitSettings() groupcommit.Settings {
	a.mu.Lock()
	defer a.mu.Unlock()
	s := groupcommit.Settings{
		Window:    ptr.Deref(a.settings.Window, metav1.Duration{}).Duration,
		MaxWindow: ptr.Deref(a.settings.MaxWindow, metav1.Duration{}).Duration,
		MaxHold:   ptr.Deref(a.settings.MaxHold, metav1.Duration{}).Duration,
		Timeout:   stepTimeout + 2*ptr.Deref(a.settings.Timeout, metav1.Duration{}).Duration,
	}
	if a.settings.MaxChanges != nil {
		s.MaxChanges = int(*a.settings.MaxChanges)
	}
	return s
}

func (a *Appliance) message() string {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.settings.Message != "" {
		return a.settings.Message
	}
	return DefaultCommitMessage
}

// observe keeps Activity up to date.
func (a *Appliance) observe(e groupcommit.Event) {
	a.observer.Transaction(e)
	a.mu.Lock()
	changed := true
	switch e.Kind {
	case groupcommit.BatchLocked:
		if changed = isLockedByOther(e.Err); !changed {
			break
		}
		if a.activity.LockedSince.IsZero() {
			a.activity.LockedSince = time.Now()
		}
		a.activity.LockedBy, a.activity.LockedAt = lockHolder(e.Err), time.Now()
	case groupcommit.TransactionOpened:
		changed = !a.activity.LockedSince.IsZero()
		a.activity.LockedBy, a.activity.LockedSince, a.activity.LockedAt = "", time.Time{}, time.Time{}
	case groupcommit.Committed:
		a.activity.LastCommit, a.activity.RefusesAll = Commit{Time: time.Now(), Changes: e.Changes, Hold: e.Hold}, ""
	case groupcommit.AllRefused:
		a.activity.RefusesAll = e.Err.Error()
	default:
		changed = false
	}
	a.mu.Unlock()
	if changed {
		a.notify()
	}
}

// Close lets the running batch finish, or rolls it back if ctx ends first.
func (a *Appliance) Close(ctx context.Context) error {
	err := a.committer.Close(ctx)
	a.client.Close()
	a.leave()
	a.Inventory.Forget()
	a.memory.Close()
	return err
}
