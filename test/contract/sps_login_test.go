// SPDX-License-Identifier: Apache-2.0

package contract_test

import (
	"crypto/tls"
	"errors"
	"strings"
	"sync"
	"testing"
	"time"

	simsps "github.com/pam-operator/pam-operator/internal/simulator/sps"
	"github.com/pam-operator/pam-operator/internal/sps"
)

func TestSPSOneLogInServesAllReaders(t *testing.T) {
	onEverySPS(t, func(a *appliance) {
		var readers sync.WaitGroup
		for range 8 {
			readers.Go(func() {
				if _, err := a.client.Info(a.Context()); err != nil {
					a.Error(err)
				}
			})
		}
		readers.Wait()
		if !a.isReal() && a.sim.Stats().LogIns != 1 {
			a.Errorf("%d log-ins, want 1", a.sim.Stats().LogIns)
		}
	})
}

func TestSPSWrongPasswordIsTriedOnce(t *testing.T) {
	const canary = "wrong-password-canary"
	onSimulatedSPS(t, costsLogIns, func(a *appliance) {
		client := a.connect(func(c *sps.Config) { c.Password = canary })
		everything := func() {
			calls := map[string]func() error{
				"read":  func() error { _, err := client.Info(a.Context()); return err },
				"list":  func() error { _, err := client.List(a.Context(), sps.Groups); return err },
				"write": func() error { _, err := client.Begin(a.Context()); return err },
				"end":   func() error { return client.Terminate(a.Context(), "svc/x/y:1") },
			}
			for name, call := range calls {
				err := call()
				a.want("a refusal of the credentials: "+name, sps.IsCredentialsRefused, err)
				if sps.IsRefused(err) || sps.IsTransactionLost(err) || sps.IsLocked(err) {
					a.Errorf("%s: %v is also something else", name, err)
				}
				if strings.Contains(err.Error(), canary) {
					a.Errorf("%s: the error contains the password", name)
				}
			}
		}
		everything()
		a.clock.Step(14 * time.Minute)
		everything()
		if got := a.sim.Stats().FailedLogIns; got != 1 {
			a.Fatalf("%d failed log-ins in 14 minutes, want 1", got)
		}
		a.clock.Step(time.Minute)
		everything()
		if got := a.sim.Stats().FailedLogIns; got != 2 {
			a.Errorf("%d failed log-ins in 15 minutes, want 2", got)
		}
		if _, err := a.client.Info(a.Context()); err != nil { // from the same address
			a.Errorf("the appliance has locked others out: %v", err)
		}
	})
}

// TestSPSBlockEnds goes through a block by the appliance: correct credentials are refused as well, and the client
// neither prolongs the block nor misses its end.
func TestSPSBlockEnds(t *testing.T) {
	onSimulatedSPS(t, costsLogIns, func(a *appliance) {
		a.set(func(s *simsps.Switches) { s.BruteForceAttempts = 1 })
		_, err := a.connect(func(c *sps.Config) { c.Password = "wrong" }).Info(a.Context())
		a.want("a refusal of the credentials", sps.IsCredentialsRefused, err)
		_, err = a.client.Info(a.Context())
		a.want("a refusal of the credentials", sps.IsCredentialsRefused, err)
		refusal, _ := errors.AsType[*sps.CredentialsError](err)
		if wait := refusal.Until.Sub(a.clock.Now()); wait <= 10*time.Minute {
			a.Fatalf("the next log-in is in %s, before the block of 10 minutes is over", wait)
		}
		a.clock.Step(refusal.Until.Sub(a.clock.Now()))
		_, err = a.client.Info(a.Context())
		a.must(err)
	})
}

func TestSPSLogInByCertificate(t *testing.T) {
	onSimulatedSPS(t, "needs a certificate that the appliance trusts", func(a *appliance) {
		withCertificate := func(name string) *sps.Client {
			pair, err := ca(a.T).ClientCertificate(name)
			a.must(err)
			return a.connect(func(c *sps.Config) {
				c.X509, c.Username, c.Password = true, "", ""
				c.TLS = trust(a.T, pair.TLS)
			})
		}
		client := withCertificate(simsps.DefaultUser)
		_, err := client.Info(a.Context())
		a.must(err)
		a.must(a.begin(client).Rollback(a.Context()))

		stranger := withCertificate("nobody")
		for range 3 {
			_, err = stranger.Info(a.Context())
			a.want("a refusal of the credentials", sps.IsCredentialsRefused, err)
		}
		if got := a.sim.Stats().FailedLogIns; got != 1 {
			a.Errorf("%d failed log-ins, want 1", got)
		}
		_, err = sps.New(sps.Config{URL: a.config.URL, X509: true, TLS: &tls.Config{MinVersion: tls.VersionTLS12}})
		if err == nil {
			a.Error("a client without a certificate was made")
		}
	})
}

func TestSPSLogInMethod(t *testing.T) {
	onSimulatedSPS(t, needsSwitches, func(a *appliance) {
		a.set(func(s *simsps.Switches) { s.RequireLoginMethod = true })
		_, err := a.client.Info(a.Context())
		a.want("a refusal of the credentials", sps.IsCredentialsRefused, err)
		_, err = a.connect(func(c *sps.Config) { c.LoginMethod = "local" }).Info(a.Context())
		a.must(err)
	})
}

func TestSPSUserWithoutTheRightToUseREST(t *testing.T) {
	onSimulatedSPS(t, "makes a user who can log in", func(a *appliance) {
		const name, password = "contract", "contract password"
		userKey := a.createUser(name, password)
		client := a.connect(func(c *sps.Config) { c.Username, c.Password = name, password })
		for range 3 {
			_, err := client.Info(a.Context())
			a.want("a refusal of the credentials", sps.IsCredentialsRefused, err)
		}
		if got := a.sim.Faults().Count("GET", "^/api/authentication$"); got != 2 { // ours and theirs
			a.Errorf("%d log-ins, want 2", got)
		}
		api := a.key(sps.Groups, "api")
		a.commit(func(tx *sps.Transaction) {
			a.must(tx.Replace(a.Context(), sps.Groups, api, group("api", userKey)))
		})
		_, err := a.connect(func(c *sps.Config) { c.Username, c.Password = name, password }).Info(a.Context())
		a.must(err)
	})
}

func TestSPSReadersOutliveTheirLogInSession(t *testing.T) {
	onSimulatedSPS(t, needsFaults, func(a *appliance) {
		_, err := a.client.Info(a.Context())
		a.must(err)
		ends := map[string]func(){
			"the appliance restarts":         a.sim.LogOutAll,
			"nobody has asked for a while":   func() { a.clock.Step(11 * time.Minute) },
			"the cookie's twelve hours pass": func() { a.clock.Step(13 * time.Hour) },
		}
		for name, end := range ends {
			end()
			if _, err := a.client.List(a.Context(), sps.Groups); err != nil {
				a.Errorf("%s: %v", name, err)
			}
			end()
			info, err := a.client.Info(a.Context())
			if err != nil || info.Version == "" {
				a.Errorf("%s: info %+v, error %v", name, info, err)
			}
		}
		if got := a.sim.Stats(); got.FailedLogIns != 0 || got.LogIns != 7 {
			a.Errorf("%d log-ins and %d failed ones, want 7 and 0", got.LogIns, got.FailedLogIns)
		}
	})
}
