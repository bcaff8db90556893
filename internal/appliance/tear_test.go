// SPDX-License-Identifier: Apache-2.0

package appliance

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	pamv1alpha1 "github.com/pam-operator/pam-operator/api/v1alpha1"
	"github.com/pam-operator/pam-operator/internal/gate"
	simsps "github.com/pam-operator/pam-operator/internal/simulator/sps"
	"github.com/pam-operator/pam-operator/internal/sps"
)

// torn is an appliance whose transactions are dropped now and then.
type torn struct {
	*testing.T

	box       *simsps.Appliance
	appliance *Appliance
}

// inBatch is how many changes are made at the same time.
const inBatch = 5

func newTorn(t *testing.T, set func(*simsps.Switches)) *torn {
	t.Helper()
	box := simsps.New(simsps.Options{})
	box.SetSwitches(set)
	server := httptest.NewTLSServer(box.Handler())
	t.Cleanup(server.Close)
	client, err := sps.New(sps.Config{
		URL: server.URL, TLS: server.Client().Transport.(*http.Transport).TLSClientConfig, //nolint:errcheck // it is one
		Username: simsps.DefaultUser, Password: simsps.DefaultPassword,
	})
	if err != nil {
		t.Fatal(err)
	}
	appliance := New(Config{Client: client, URL: server.URL, Gate: gate.New(1)})
	t.Cleanup(func() { _ = appliance.Close(context.WithoutCancel(t.Context())) })
	appliance.Configure(&pamv1alpha1.CommitSettings{Window: &metav1.Duration{Duration: time.Millisecond}}, 0)
	return &torn{T: t, box: box, appliance: appliance}
}

// until repeats a change until it succeeds, as a controller does, and fails the test for an error that would make a
// controller give up.
func (a *torn) until(what string, do func() error) {
	for range 6 {
		err := do()
		if err == nil {
			return
		}
		var answer Refusal
		if sps.IsRefused(err) || errors.As(err, &answer) {
			a.Errorf("%s: %v", what, err)
			return
		}
	}
	a.Errorf("%s: does not come to an end", what)
}

func (a *torn) create(name string) error {
	ctx := a.Context()
	var key string
	err := a.appliance.Change(ctx, Identity{}, func(ctx context.Context, tx *Transaction) error {
		key = ""
		found, _, err := ByName(ctx, tx, sps.Groups, name)
		if err != nil || found.Key != "" {
			key = found.Key
			return err
		}
		key, err = tx.Create(ctx, sps.Groups, sps.Body{"name": name, "members": []any{}})
		return err
	})
	if err != nil {
		return err
	}
	return a.appliance.Inventory.Confirm(ctx, sps.Groups, key)
}

func (a *torn) remove(key string) error {
	ctx := a.Context()
	err := a.appliance.Change(ctx, Identity{}, func(ctx context.Context, tx *Transaction) error {
		found, _, err := ByKey(ctx, tx, sps.Groups, key)
		if err != nil || found.Key == "" {
			return err
		}
		return tx.Delete(ctx, sps.Groups, key)
	})
	if err != nil {
		return err
	}
	return a.appliance.Inventory.ConfirmDeleted(ctx, sps.Groups, key)
}

// together runs a change for each of a batch at the same time, and drops the transaction before the given request. It
// reports whether there were that many requests.
func (a *torn) together(at int, do func(n int)) (reached bool) {
	var requests atomic.Int64
	a.box.Faults().OnRequest(func(*http.Request) {
		if requests.Add(1) == int64(at) {
			a.box.DropTransactions()
		}
	})
	var all sync.WaitGroup
	for n := range inBatch {
		all.Go(func() { do(n) })
	}
	all.Wait()
	a.box.Faults().OnRequest(nil)
	if open := a.box.Stats().OpenTransactions; open != 0 {
		a.Errorf("dropped before request %d: %d transactions are open", at, open)
	}
	return requests.Load() >= int64(at)
}

// groups are the keys of the groups whose names have a prefix.
func (a *torn) groups(prefix string) (keys []string) {
	for _, o := range a.box.Objects(string(sps.Groups)) {
		if strings.HasPrefix(fmt.Sprint(o.Body["name"]), prefix) {
			keys = append(keys, o.Key)
		}
	}
	return keys
}

// TestWhatIsDoneIsThereWhereverATransactionIsDropped drops it before each request of a batch that creates, and of one
// that deletes.
func TestWhatIsDoneIsThereWhereverATransactionIsDropped(t *testing.T) {
	appliances := map[string]func(*simsps.Switches){
		"changes open transactions": func(*simsps.Switches) {},
		"changes open none":         func(s *simsps.Switches) { s.AutoOpen, s.ExclusiveLock = false, true },
		"nothing can be committed": func(s *simsps.Switches) {
			s.EmptyCommitStatus, s.Changes = http.StatusOK, simsps.ChangesCollections
		},
		"no list, no config_hash": func(s *simsps.Switches) { s.Changes, s.ConfigHash = simsps.ChangesNone, false },
	}
	for name, set := range appliances {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			a := newTorn(t, set)
			for at, more := 1, true; more; at++ {
				prefix := fmt.Sprintf("torn-%d-", at)
				more = a.together(at, func(n int) {
					a.until("create", func() error { return a.create(fmt.Sprintf("%s%d", prefix, n)) })
				})
				keys := a.groups(prefix)
				if len(keys) != inBatch {
					t.Fatalf("dropped before request %d: %d groups are there, want %d", at, len(keys), inBatch)
				}
				more = a.together(at, func(n int) {
					a.until("delete", func() error { return a.remove(keys[n]) })
					for _, key := range a.groups(prefix) {
						if key == keys[n] {
							t.Errorf("dropped before request %d: deleted, and there", at)
						}
					}
				}) || more
				if left := a.groups(prefix); len(left) != 0 {
					t.Fatalf("dropped before request %d: %d groups are left", at, len(left))
				}
			}
		})
	}
}

// TestAnObjectThatVanishedIsDeleted lets another client delete it between our read and our deletion.
func TestAnObjectThatVanishedIsDeleted(t *testing.T) {
	a := newTorn(t, func(*simsps.Switches) {})
	a.until("create", func() error { return a.create("vanishes") })
	key := a.groups("vanishes")[0]
	err := a.appliance.Change(t.Context(), Identity{}, func(ctx context.Context, tx *Transaction) error {
		if _, _, err := ByKey(ctx, tx, sps.Groups, key); err != nil {
			return err
		}
		a.box.Remove(string(sps.Groups), key)
		if err := tx.Delete(ctx, sps.Groups, key); err != nil {
			return err
		}
		if found, _, err := ByKey(ctx, tx, sps.Groups, key); err != nil || found.Key != "" {
			t.Errorf("the transaction shows it still: %v", err)
		}
		return nil
	})
	if err != nil {
		t.Error(err)
	}
	if err := a.appliance.Inventory.ConfirmDeleted(t.Context(), sps.Groups, key); err != nil {
		t.Error(err)
	}
}
