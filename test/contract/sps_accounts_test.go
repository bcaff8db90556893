// SPDX-License-Identifier: Apache-2.0

package contract_test

import (
	"crypto/rand"
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	simsps "github.com/pam-operator/pam-operator/internal/simulator/sps"
	"github.com/pam-operator/pam-operator/internal/sps"
)

// secret is a password: on a real appliance a random one, because its user exists only for a moment.
func (a *appliance) secret(password string) string {
	if a.isReal() {
		return rand.Text() + "-aA1"
	}
	return password
}

// createUser creates and commits a local user with its own password.
func (a *appliance) createUser(name, password string) (key string) {
	a.Helper()
	a.commit(func(tx *sps.Transaction) {
		passwordKey, err := tx.CreatePassword(a.Context(), a.secret(password))
		a.must(err)
		key = a.add(tx, sps.Users, a.wire(sps.User{Name: &name, Password: &passwordKey}))
	})
	if a.isReal() {
		a.Cleanup(func() { a.removeLater(sps.Users, key) })
	}
	return key
}

// changePassword changes a user's password the way the operator does.
func (a *appliance) changePassword(user, password string) {
	a.Helper()
	a.commit(func(tx *sps.Transaction) {
		current, err := tx.Get(a.Context(), sps.Users, user)
		a.must(err)
		passwordKey, err := tx.CreatePassword(a.Context(), a.secret(password))
		a.must(err)
		body := sps.Overlay(sps.Dereference(current.Body), a.wire(sps.User{Password: &passwordKey}), nil)
		a.must(tx.Replace(a.Context(), sps.Users, user, body))
	})
}

// wire is the body of a wire struct.
func (a *appliance) wire(v any) sps.Body {
	a.Helper()
	body, err := sps.ToBody(v)
	a.must(err)
	return body
}

func TestSPSPasswordOfAUser(t *testing.T) {
	onEverySPS(t, func(a *appliance) {
		const secret = "password-canary"
		name := uniqueName("user")
		user := a.createUser(name, secret)
		before := a.body(sps.Users, user)
		created, isNumber := before["password_created"].(json.Number)
		if before["name"] != name || !isNumber {
			a.Fatalf("user %v, want the name %s and the time of the password", before, name)
		}
		if seconds, err := created.Int64(); err != nil || !a.isReal() && seconds != a.clock.Now().Unix() {
			a.Errorf("the password is of %v, want now", created)
		}
		passwordKey, _ := before["password"].(string)
		object, err := a.client.Get(a.Context(), sps.Passwords, passwordKey)
		a.must(err)
		shown, err := json.Marshal(object.Body)
		a.must(err)
		if strings.Contains(string(shown), secret) {
			a.Error("the appliance shows the password")
		}

		if !a.isReal() {
			a.clock.Step(time.Minute)
		}
		a.commit(func(tx *sps.Transaction) { // with the user's own password
			a.must(tx.Replace(a.Context(), sps.Users, user, before))
		})
		a.wantBody(sps.Users, user, before)

		a.changePassword(user, secret+"-2")
		after := a.body(sps.Users, user)
		if after["password"] == passwordKey || after["name"] != name {
			a.Errorf("user %v, want another password and the same name", after)
		}
		if !a.isReal() && after["password_created"] == before["password_created"] {
			a.Error("the password is as old as the one before")
		}
	})
}

func TestSPSPasswordServesOneUser(t *testing.T) {
	onEverySPS(t, func(a *appliance) {
		const secret = "password-canary"
		first, second := uniqueName("user"), uniqueName("user")
		tx := a.begin(a.client)
		password, err := tx.CreatePassword(a.Context(), secret)
		a.must(err)
		a.add(tx, sps.Users, a.wire(sps.User{Name: &first, Password: &password}))
		_, err = tx.Create(a.Context(), sps.Users, a.wire(sps.User{Name: &second, Password: &password}))
		a.want("a refusal", sps.IsRefused, err)
		if strings.Contains(err.Error(), secret) {
			a.Error("the error contains the password")
		}
		_, err = tx.Create(a.Context(), sps.Users, a.wire(sps.User{Name: &second, Password: new("no-such-key")}))
		a.want("a refusal", sps.IsRefused, err)
		_, err = tx.CreatePassword(a.Context(), "")
		if !a.isReal() {
			a.want("a refusal", sps.IsRefused, err)
		}
		a.must(tx.Rollback(a.Context()))
	})
}

func TestSPSNewPasswordLogsIn(t *testing.T) {
	onSimulatedSPS(t, "creates a user who can log in", func(a *appliance) {
		name := uniqueName("user")
		user := a.createUser(name, "first password")
		api := a.key(sps.Groups, "api")
		a.commit(func(tx *sps.Transaction) {
			a.must(tx.Replace(a.Context(), sps.Groups, api, group("api", user)))
		})
		a.changePassword(user, "second password")
		for password, fits := range map[string]bool{"first password": false, "second password": true} {
			client := a.connect(func(c *sps.Config) { c.Username, c.Password = name, password })
			if _, err := client.Info(a.Context()); (err == nil) != fits {
				a.Errorf("%s: error %v, log-in wanted: %t", password, err, fits)
			}
		}
	})
}

func TestSPSMembersOfAGroup(t *testing.T) {
	onEverySPS(t, func(a *appliance) {
		alice, bob := a.createUser(uniqueName("alice"), "password a"), a.createUser(uniqueName("bob"), "password b")
		name := uniqueName("members")
		key := a.create(sps.Groups, group(name, alice, bob))
		a.wantMembers(key, alice, bob)
		a.commit(func(tx *sps.Transaction) {
			a.must(tx.Replace(a.Context(), sps.Groups, key, group(name, bob)))
		})
		a.wantMembers(key, bob)
		a.commit(func(tx *sps.Transaction) {
			a.must(tx.Replace(a.Context(), sps.Groups, key, group(name)))
		})
		a.wantMembers(key)
	})
}

// wantMembers reads the members of a group, in every form that an appliance may use.
func (a *appliance) wantMembers(groupKey string, want ...string) {
	a.Helper()
	shapes := []string{simsps.MembersNames, simsps.MembersKeys, simsps.MembersRefs}
	if a.isReal() {
		shapes = []string{"its own"}
	}
	for _, shape := range shapes {
		if !a.isReal() {
			a.set(func(s *simsps.Switches) { s.MembersShape = shape })
		}
		users, err := a.client.List(a.Context(), sps.Users)
		a.must(err)
		object, err := a.client.Get(a.Context(), sps.Groups, groupKey)
		a.must(err)
		got, err := sps.MemberKeys(object.Body, users)
		a.must(err)
		if diff := cmp.Diff(append([]string{}, want...), got); diff != "" {
			a.Errorf("members in the shape %q (-want +got):\n%s", shape, diff)
		}
	}
}

func TestSPSWhatIsInUseIsNotDeleted(t *testing.T) {
	onSimulatedSPS(t, "would delete objects of others if it were not refused", func(a *appliance) {
		user := a.createUser(uniqueName("used"), "password")
		name := uniqueName("used")
		groupKey := a.create(sps.Groups, group(name, user))
		policy := a.create(sps.RDPConnections, a.policy(uniqueName("used"), rdp(sps.ConnectionPolicy{
			WebGatewayAuthentication: &sps.WebGatewayAuthentication{
				Enabled: true, Groups: []string{name}, RequireSameIP: new(true),
			},
		})))
		audit, _ := within(a.body(sps.RDPConnections, policy), "policies")["audit_policy"].(string)

		tx := a.begin(a.client)
		err := tx.Delete(a.Context(), sps.AuditPolicies, audit)
		a.want("a refusal: an audit policy in use", sps.IsRefused, err)
		err = tx.Delete(a.Context(), sps.Users, user)
		a.want("a refusal: a member", sps.IsRefused, err)
		err = tx.Delete(a.Context(), sps.Groups, groupKey)
		a.want("a refusal: a group that a policy names", sps.IsRefused, err)
		err = tx.Delete(a.Context(), sps.IndexingPolicies, "-50000")
		a.want("a refusal: a built-in object", sps.IsRefused, err)
		err = tx.Delete(a.Context(), sps.Users, a.key(sps.Users, simsps.DefaultUser))
		a.want("a refusal: admin", sps.IsRefused, err)
		a.must(tx.Delete(a.Context(), sps.RDPConnections, policy)) // from the outside in
		a.must(tx.Delete(a.Context(), sps.Groups, groupKey))
		a.must(tx.Delete(a.Context(), sps.Users, user))
		a.must(tx.Verify(a.Context()))
		a.must(tx.Commit(a.Context(), "contract test"))
		a.wantFree()
	})
}
