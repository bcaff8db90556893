// SPDX-License-Identifier: Apache-2.0

package connection

import (
	"context"
	"sync"
	"time"

	pamv1alpha1 "github.com/pam-operator/pam-operator/api/v1alpha1"
	"github.com/pam-operator/pam-operator/internal/groupcommit"
	"github.com/pam-operator/pam-operator/internal/rest"
	"github.com/pam-operator/pam-operator/internal/sps"
)

// DefaultCommitMessage is sent where the appliance asks for a message and the connection has none.
const DefaultCommitMessage = "change by pam-operator"

// Appliance is an SPS appliance as seen through one connection: its reads, its inventory, and the one way to change it.
type Appliance struct {
	// URL is the canonical address; connections with the same URL mean the same appliance.
	URL string
	// Account is the name of the account that the connection logs in with, as far as it is known.
	Account string
	// Inventory shows the committed configuration.
	Inventory *Inventory
	// Breaker holds calls back while the appliance does not answer.
	Breaker *rest.Breaker
	// LogIns are the connection's log-ins.
	LogIns *LogIns
	// Certificate is what the connection logs in with, if it is one.
	Certificate ClientCertificate

	client    *sps.Client
	gate      gate
	leave     func() // gives the gate back
	memory    *rest.Share
	passes    gate
	committer *groupcommit.Committer[*Transaction]

	mu       sync.Mutex
	settings pamv1alpha1.CommitSettings
	activity Activity
	notify   func()
}

// Activity is what happened on an appliance lately.
type Activity struct {
	// LockedBy and LockedSince say who else held the configuration when it was last wanted, which was at LockedAt;
	// LockedSince is zero while nobody did.
	LockedBy              string
	LockedSince, LockedAt time.Time
	// LastCommit is the last transaction that was committed through this connection; its Time is zero before the first.
	LastCommit Commit
}

// Commit is one committed transaction.
type Commit struct {
	Time    time.Time
	Changes int
	Hold    time.Duration
}

// newAppliance starts nothing and sends nothing. notify is called when Activity changed.
func newAppliance(client *sps.Client, url string, g gate, lockPause time.Duration, notify func()) *Appliance {
	a := &Appliance{
		URL: url, client: client, Inventory: newInventory(client), gate: g, passes: newGate(parallelPasses), notify: notify,
		leave: func() {},
	}
	a.committer = groupcommit.New(groupcommit.Options[*Transaction]{
		Store: a, Classify: classify, Settings: a.commitSettings, Observe: a.observe, LockPause: lockPause,
	})
	return a
}

// Change has a change committed together with those of other callers. It blocks until the change is committed (nil) or
// is known not to be; see groupcommit.Committer.Do.
func (a *Appliance) Change(ctx context.Context, change func(ctx context.Context, tx *Transaction) error) error {
	return a.committer.Do(ctx, change)
}

// Recover ends the transaction that an earlier process may have left open on the appliance, so that nobody waits for
// the appliance's idle time-out. It does nothing from the second time on, nor while this process has a transaction open
// there: that may be the one of the client that this one replaced, and the next Begin recovers, too.
func (a *Appliance) Recover(ctx context.Context) error {
	release, entered := a.gate.tryEnter()
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

// Activity says what happened lately.
func (a *Appliance) Activity() Activity {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.activity
}

func (a *Appliance) configure(settings *pamv1alpha1.CommitSettings) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.settings = pamv1alpha1.CommitSettings{}
	if settings != nil {
		a.settings = *settings
	}
}

// stepTimeout is only the last resort against a step that never ends. What bounds a step is its calls, each by a
// time-out of its own: an appliance that answers every one of them slowly works, however many of them a step takes. The
// commit, which is tried under two names of its message at most, has commit.timeout beside that.
const stepTimeout = 10 * time.Minute

func (a *Appliance) commitSettings() groupcommit.Settings {
	a.mu.Lock()
	defer a.mu.Unlock()
	s := groupcommit.Settings{
		Window: duration(a.settings.Window), MaxWindow: duration(a.settings.MaxWindow),
		MaxHold: duration(a.settings.MaxHold), Timeout: stepTimeout + 2*duration(a.settings.Timeout),
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
	a.mu.Lock()
	changed := true
	switch e.Kind {
	case groupcommit.BatchLocked:
		if changed = isHeld(e.Err); !changed {
			break
		}
		if a.activity.LockedSince.IsZero() {
			a.activity.LockedSince = time.Now()
		}
		a.activity.LockedBy, a.activity.LockedAt = holder(e.Err), time.Now()
	case groupcommit.TransactionOpened:
		changed = !a.activity.LockedSince.IsZero()
		a.activity.LockedBy, a.activity.LockedSince, a.activity.LockedAt = "", time.Time{}, time.Time{}
	case groupcommit.Committed:
		a.activity.LastCommit = Commit{Time: time.Now(), Changes: e.Changes, Hold: e.Hold}
	default:
		changed = false
	}
	a.mu.Unlock()
	if changed {
		a.notify()
	}
}

// close lets the running batch finish, or be rolled back when ctx ends first.
func (a *Appliance) close(ctx context.Context) error {
	err := a.committer.Close(ctx)
	a.client.Close()
	a.leave()
	a.Inventory.Forget()
	a.memory.Close()
	return err
}
