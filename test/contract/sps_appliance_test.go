// SPDX-License-Identifier: Apache-2.0

package contract_test

import (
	"context"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	clocktesting "k8s.io/utils/clock/testing"

	"github.com/pam-operator/pam-operator/internal/rest"
	"github.com/pam-operator/pam-operator/internal/simulator"
	"github.com/pam-operator/pam-operator/internal/simulator/fault"
	simsps "github.com/pam-operator/pam-operator/internal/simulator/sps"
	"github.com/pam-operator/pam-operator/internal/sps"
)

// appliance is what a case runs against.
type appliance struct {
	*testing.T
	config  sps.Config
	client  *sps.Client // with the correct credentials
	version string
	// The rest exists only for simulated appliances.
	sim   *simsps.Appliance
	clock *clocktesting.FakeClock
}

// onEverySPS runs a case against every simulated version and, if there is one, the real appliance.
func onEverySPS(t *testing.T, run func(a *appliance)) {
	t.Helper()
	if os.Getenv("SPS_URL") != "" { // first, alone: it has one lock
		t.Run("real", func(t *testing.T) { run(realSPS(t)) })
	}
	onSimulatedVersions(t, run)
}

// onSimulatedSPS runs a case against every simulated version, and gives the reason why not against a real appliance.
func onSimulatedSPS(t *testing.T, whyNotReal string, run func(a *appliance)) {
	t.Helper()
	if os.Getenv("SPS_URL") != "" {
		t.Run("real", func(t *testing.T) { t.Skip(whyNotReal) })
	}
	onSimulatedVersions(t, run)
}

// Reasons of onSimulatedSPS that several cases share.
const (
	needsFaults   = "needs an appliance that fails on request"
	needsSwitches = "needs an appliance whose behaviour can be switched"
	costsLogIns   = "refused log-ins count towards a lockout of our address"
	needsPerson   = "needs another user who changes the appliance at the same time"
)

func onSimulatedVersions(t *testing.T, run func(a *appliance)) {
	t.Helper()
	for _, version := range []string{"6.0", "7.0", "8.0"} {
		t.Run(version, func(t *testing.T) {
			t.Parallel()
			run(simulatedSPS(t, version))
		})
	}
}

func simulatedSPS(t *testing.T, version string) *appliance {
	t.Helper()
	a := &appliance{T: t, clock: newClock(), version: version}
	const password = "simulated password" // must not occur in responses, because it is redacted there
	a.sim = simsps.New(simsps.Options{
		Version: version, Now: a.clock.Now, ClientCAs: ca(t).Pool(),
		Users: map[string]string{simsps.DefaultUser: password},
	})
	running := host(t, simulator.Listener{Name: "sps", Handler: a.sim.Handler()})
	a.config = sps.Config{
		URL: running.URL("sps"), TLS: trust(t), UserAgent: userAgent,
		Username: simsps.DefaultUser, Password: password, Now: a.clock.Now,
	}
	a.client = a.connect()
	return a
}

func realSPS(t *testing.T) *appliance {
	t.Helper()
	a := &appliance{T: t, config: sps.Config{
		URL: os.Getenv("SPS_URL"), TLS: trustFile(t, os.Getenv("SPS_CA_FILE")), UserAgent: userAgent,
		Username: os.Getenv("SPS_USERNAME"), Password: os.Getenv("SPS_PASSWORD"),
		LoginMethod: os.Getenv("SPS_LOGIN_METHOD"),
	}}
	a.client = a.connect()
	info, err := a.client.Info(t.Context())
	a.must(err)
	a.version = info.Version
	return a
}

func (a *appliance) isReal() bool { return a.sim == nil }

// run runs a subtest, which fails by itself.
func (a *appliance) run(name string, run func(a *appliance)) {
	a.Run(name, func(t *testing.T) {
		in := *a
		in.T = t
		run(&in)
	})
}

// connect creates another client, with changes to the valid configuration.
func (a *appliance) connect(change ...func(*sps.Config)) *sps.Client {
	a.Helper()
	cfg := a.config
	for _, c := range change {
		c(&cfg)
	}
	client, err := sps.New(cfg)
	if err != nil {
		a.Fatal(err)
	}
	a.Cleanup(client.Close)
	return client
}

func (a *appliance) must(err error) {
	a.Helper()
	if err != nil {
		a.Fatal(err)
	}
}

// want fails the test unless the error is of the given kind.
func (a *appliance) want(nature string, is func(error) bool, err error) {
	a.Helper()
	if !is(err) {
		a.Fatalf("error %v, want one that is %s", err, nature)
	}
}

// begin opens a transaction that is always gone at the end of the test.
func (a *appliance) begin(client *sps.Client) *sps.Transaction {
	a.Helper()
	tx, err := client.Begin(a.Context())
	a.must(err)
	a.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(a.Context()), 10*time.Second)
		defer cancel()
		_ = tx.Rollback(ctx)
	})
	return tx
}

// commit writes and commits the way the operator does: it does not commit changes that it does not recognise as its
// own.
func (a *appliance) commit(write func(tx *sps.Transaction)) {
	a.Helper()
	tx := a.begin(a.client)
	write(tx)
	a.must(tx.Verify(a.Context()))
	a.must(tx.Commit(a.Context(), "contract test"))
}

// create creates and commits an object, which the test does not leave behind on a real appliance.
func (a *appliance) create(in sps.Collection, body sps.Body) (key string) {
	a.Helper()
	a.commit(func(tx *sps.Transaction) { key = a.add(tx, in, body) })
	if a.isReal() {
		a.Cleanup(func() { a.removeLater(in, key) })
	}
	return key
}

// add creates inside a transaction.
func (a *appliance) add(tx *sps.Transaction, in sps.Collection, body sps.Body) (key string) {
	a.Helper()
	key, err := tx.Create(a.Context(), in, body)
	a.must(err)
	return key
}

// removeLater deletes what still exists, even after the context of the test has ended.
func (a *appliance) removeLater(from sps.Collection, key string) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(a.Context()), time.Minute)
	defer cancel()
	err := func() error {
		tx, err := a.client.Begin(ctx)
		if err != nil {
			return err
		}
		defer func() { _ = tx.Rollback(ctx) }()
		if err := tx.Delete(ctx, from, key); err != nil {
			return err
		}
		return tx.Commit(ctx, "contract test")
	}()
	if err != nil && !rest.IsNotFound(err) {
		a.Errorf("%s/%s was left behind: %v", from, key, err)
	}
}

// body returns a committed object in the form in which it is written.
func (a *appliance) body(in sps.Collection, key string) sps.Body {
	a.Helper()
	object, err := a.client.Get(a.Context(), in, key)
	a.must(err)
	return sps.Dereference(object.Body)
}

// wantBody compares a committed object with what was written.
func (a *appliance) wantBody(in sps.Collection, key string, want sps.Body) {
	a.Helper()
	plain, err := sps.ToBody(want) // numbers as they are read
	a.must(err)
	if diff := cmp.Diff(plain, a.body(in, key)); diff != "" {
		a.Fatalf("%s/%s is not what was written (-want +got):\n%s", in, key, diff)
	}
}

// wantFree checks that the configuration is not locked.
func (a *appliance) wantFree() {
	a.Helper()
	if a.isReal() {
		return // the next transaction will show
	}
	if stats := a.sim.Stats(); stats.LockHolder != "" || stats.OpenTransactions != 0 {
		a.Fatalf("%q still holds the configuration; %d open transactions", stats.LockHolder, stats.OpenTransactions)
	}
}

// set changes the behaviour of the simulator.
func (a *appliance) set(change func(*simsps.Switches)) { a.sim.SetSwitches(change) }

// fail makes the simulator fail.
func (a *appliance) fail(rule fault.Rule) {
	a.Helper()
	a.must(a.sim.Faults().Set(rule))
}

// key finds the key of a name, as the operator does. On a real appliance without that object, the case is skipped.
func (a *appliance) key(in sps.Collection, name string) string {
	a.Helper()
	objects, err := a.client.List(a.Context(), in)
	a.must(err)
	for _, object := range objects {
		if object.Name == name || a.isReal() && !strings.HasPrefix(object.Name, "pam-operator-") {
			return object.Key
		}
	}
	if a.isReal() {
		a.Skipf("there is nothing in %s", in)
	}
	a.Fatalf("%s has no %q", in, name)
	return ""
}

// group is the body of the simplest possible object.
func group(name string, members ...string) sps.Body {
	body, _ := sps.ToBody(sps.Group{Name: &name, Members: append([]string{}, members...)}) // cannot fail
	return body
}
