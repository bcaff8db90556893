// SPDX-License-Identifier: Apache-2.0

package nps

import (
	"cmp"
	"slices"
	"strings"
	"time"
)

// catalogue is what the server's administrators have set up: who may do what on which resource. Only accounts change.
type catalogue struct {
	accounts    []*account
	byLogin     map[string]*account
	platforms   []Platform
	resources   []Resource
	credentials []Credential
	activities  []Activity
	policies    []Policy // by priority
}

func newCatalogue(o Options) *catalogue {
	c := &catalogue{byLogin: map[string]*account{}, platforms: slices.Clone(o.Platforms)}
	for _, u := range o.Users {
		c.accounts = append(c.accounts, newUserAccount(u))
	}
	for _, a := range o.Applications {
		c.accounts = append(c.accounts, newApplicationAccount(a))
	}
	for _, a := range c.accounts {
		for _, name := range a.names() {
			c.byLogin[name] = a
		}
	}
	for _, r := range o.Resources {
		r.ID = catalogueID(r.ID, "resource", r.Name)
		r.PlatformID = cmp.Or(strings.ToLower(r.PlatformID), zeroGUID)
		c.resources = append(c.resources, r)
	}
	for _, cr := range o.Credentials {
		cr.ID = catalogueID(cr.ID, "credential", cr.Name)
		c.credentials = append(c.credentials, cr)
	}
	for _, a := range o.Activities {
		a.ID = catalogueID(a.ID, "activity", a.Name)
		a.PlatformID = cmp.Or(strings.ToLower(a.PlatformID), zeroGUID)
		c.activities = append(c.activities, a)
	}
	for _, p := range o.Policies {
		c.policies = append(c.policies, p.withDefaults())
	}
	slices.SortStableFunc(c.policies, func(a, b Policy) int { return cmp.Compare(a.Priority, b.Priority) })
	return c
}

func (p Policy) withDefaults() Policy {
	p.ID = catalogueID(p.ID, "policy", p.Name)
	p.Profile.MaxSessionLength = cmp.Or(p.Profile.MaxSessionLength, 20*time.Hour)
	p.Profile.ExtensionMinutes = cmp.Or(p.Profile.ExtensionMinutes, 30)
	p.Profile.ExtensionCount = cmp.Or(p.Profile.ExtensionCount, 2)
	return p
}

func catalogueID(given, kind, name string) string {
	return cmp.Or(strings.ToLower(given), deriveGUID(kind, name))
}

// account finds an account by login name.
func (c *catalogue) account(login string) *account { return c.byLogin[strings.ToLower(login)] }

func (c *catalogue) accountByID(id string) *account {
	i := slices.IndexFunc(c.accounts, func(a *account) bool { return a.id == id })
	if i < 0 {
		return nil
	}
	return c.accounts[i]
}

// find returns the first element that matches, or nil.
func find[T any](list []T, match func(*T) bool) *T {
	for i := range list {
		if match(&list[i]) {
			return &list[i]
		}
	}
	return nil
}

func (c *catalogue) resource(id, name string) *Resource {
	return find(c.resources, func(r *Resource) bool {
		if id != "" {
			return r.ID == id
		}
		return strings.EqualFold(r.Name, name) || r.IPAddress != "" && r.IPAddress == name
	})
}

func (c *catalogue) activity(id, name string) *Activity {
	return find(c.activities, func(a *Activity) bool {
		if id != "" {
			return a.ID == id
		}
		return strings.EqualFold(a.Name, name)
	})
}

func (c *catalogue) platform(id string) *Platform {
	return find(c.platforms, func(p *Platform) bool { return strings.EqualFold(p.ID, id) })
}

// basePlatform is the ID of the built-in platform behind a platform.
func (c *catalogue) basePlatform(id string) string {
	if p := c.platform(id); p != nil && p.BaseID != "" {
		return strings.ToLower(p.BaseID)
	}
	return id
}

// target is what a session is opened on: a resource or a credential, never both.
type target struct {
	resource   *Resource
	credential *Credential
}

func (t target) id() string {
	if t.resource != nil {
		return t.resource.ID
	}
	return t.credential.ID
}

func (t target) name() string {
	if t.resource != nil {
		return t.resource.Name
	}
	return t.credential.Name
}

func (p *Policy) allowsUser(a *account) bool {
	return len(p.Users) == 0 || containsFold(p.Users, a.login)
}

func (p *Policy) allows(a *Activity, t target) bool {
	on := p.Resources
	if t.credential != nil {
		on = p.Credentials
	}
	return containsFold(p.Activities, a.Name) && containsFold(on, t.name())
}

// policiesFor returns the policies that apply to a request, best first.
func (c *catalogue) policiesFor(who *account, a *Activity, t target) []*Policy {
	var out []*Policy
	for i := range c.policies {
		if p := &c.policies[i]; !p.Disabled && p.allowsUser(who) && p.allows(a, t) {
			out = append(out, p)
		}
	}
	return out
}

func containsFold(list []string, name string) bool {
	return slices.ContainsFunc(list, func(s string) bool { return strings.EqualFold(s, name) })
}
