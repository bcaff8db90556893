// SPDX-License-Identifier: Apache-2.0

package sps

import (
	"net/http"
	"net/netip"
	"strings"
)

// change makes one change of the configuration in the session's transaction, opening it if the version does that
// implicitly. Changes of one session queue up, each taking WriteDelay.
func (a *Appliance) change(c *call, edit func(*transaction) (answer, error)) (answer, error) {
	done, err := c.session.takeTurn(c.r.Context(), a.Switches().WriteDelay)
	if err != nil {
		return answer{}, err
	}
	defer done()
	a.mu.Lock()
	defer a.mu.Unlock()
	if err := a.checkWriter(c.session); err != nil {
		return answer{}, err
	}
	if c.session.tx == nil {
		if !a.switches.AutoOpen {
			return answer{}, noTransaction()
		}
		if err := a.begin(c.session); err != nil {
			return answer{}, err
		}
	}
	c.session.tx.follow(a.committed)
	result, err := edit(c.session.tx)
	if err == nil {
		a.counters.writes++
	}
	return result, err
}

// create handles POST to a collection: 201 and the key of the new object, which is added at the end.
func (a *Appliance) create(c *call) (answer, error) {
	t, err := a.locate(c)
	if err != nil {
		return answer{}, err
	}
	if t.key != "" || t.kind != collectionKind && t.kind != vaultKind {
		return answer{}, notPermitted()
	}
	return a.store(c, target{t.endpoint, newKey()}, http.StatusCreated)
}

// replace handles PUT of an object or a document with the complete new body.
func (a *Appliance) replace(c *call) (answer, error) {
	t, err := a.locate(c)
	if err != nil {
		return answer{}, err
	}
	if t.kind != documentKind && (t.kind != collectionKind || t.key == "") {
		return answer{}, notPermitted()
	}
	return a.store(c, t, http.StatusOK)
}

func (a *Appliance) store(c *call, t target, status int) (answer, error) {
	body, err := c.object()
	if err != nil {
		return answer{}, err
	}
	return a.change(c, func(tx *transaction) (answer, error) {
		if status == http.StatusOK && tx.view.get(t.place()) == nil {
			return answer{}, notFound()
		}
		o, err := a.accept(tx.view, t, body)
		if err != nil {
			return answer{}, err
		}
		if err := a.poisoned(AtWrite, t.path, o); err != nil {
			return answer{}, err
		}
		tx.put(t.path, o)
		return answer{status: status, body: fields{"key": lastOf(href(t.path, t.key)), "meta": writeMeta(t)}}, nil
	})
}

// writeMeta is the short meta object in responses to changes (docs/vendors/sps.md 4.1 and 4.5).
func writeMeta(t target) fields {
	at := href(t.path, t.key)
	return fields{"href": at, "parent": at[:strings.LastIndexByte(at, '/')], "transaction": transactionPath}
}

// accept checks a body from a client for a place, and creates the object to store.
func (a *Appliance) accept(view *tree, t target, body map[string]any) (*object, error) {
	normaliser(a.switches.NormaliseSpelling).normalise(t.path, body)
	c := &checker{strict: a.switches.Strict}
	t.rule(a.switches).check(c, "", body)
	if err := c.err(); err != nil {
		return nil, err
	}
	if err := checkReferences(view, c.refs); err != nil {
		return nil, err
	}
	if err := checkSingleUse(view, c.refs, t.place()); err != nil {
		return nil, err
	}
	if name, isText := body["name"].(string); isText {
		if err := checkName(view, t.place(), name); err != nil {
			return nil, err
		}
	}
	switch t.path {
	case connectionsCollection:
		if err := checkRetention(view, body); err != nil {
			return nil, err
		}
		if a.switches.NormaliseNetworks {
			normaliseNetworks(body)
		}
	case usersCollection:
		stampPassword(body, view.get(t.place()), a.now())
	}
	body, secret := splitSecret(t.path, body)
	return newObject(t.key, body, secret, c.refs), nil
}

// checkName refuses a second object with the same name (Q10).
func checkName(view *tree, at place, name string) error {
	if other := view.byName(at.collection, name); other != nil && other.key != at.key {
		return semanticError("name: there is another object with the name %q", name)
	}
	return nil
}

// normaliseNetworks clears the host bits of the networks of a connection policy.
func normaliseNetworks(body map[string]any) {
	network, _ := body["network"].(map[string]any)
	for _, member := range []string{"clients", "targets"} {
		addresses, _ := network[member].([]any)
		for i, address := range addresses {
			text, _ := address.(string)
			if prefix, err := netip.ParsePrefix(text); err == nil {
				addresses[i] = prefix.Masked().String()
			}
		}
	}
}

// remove handles DELETE of an object. Built-in and referenced objects stay (docs/vendors/sps.md 4.5).
func (a *Appliance) remove(c *call) (answer, error) {
	t, err := a.locate(c)
	if err != nil {
		return answer{}, err
	}
	if t.key == "" || t.kind != collectionKind {
		return answer{}, notPermitted()
	}
	return a.change(c, func(tx *transaction) (answer, error) {
		o := tx.view.get(t.place())
		if o == nil {
			return answer{}, notFound()
		}
		if err := a.deletable(tx.view, t, o); err != nil {
			return answer{}, err
		}
		tx.remove(t.place())
		return ok(fields{"meta": writeMeta(t)}), nil
	})
}

func (a *Appliance) deletable(view *tree, t target, o *object) error {
	if strings.HasPrefix(o.key, "-") || t.path == usersCollection && o.name == DefaultUser {
		return semanticError("The object is built in and cannot be deleted")
	}
	if from, used := view.referrer(t.path, o, t.place()); used {
		return semanticError("The object is referenced by %s", href(from.collection, from.key))
	}
	return a.poisoned(AtWrite, t.path, o)
}
