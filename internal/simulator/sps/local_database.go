// SPDX-License-Identifier: Apache-2.0

package sps

import (
	"crypto/sha256"
	"encoding/hex"
	"math"
	"strings"
	"time"
)

// The local user database (docs/vendors/sps.md 7).
const (
	usersCollection     = "aaa/local_database/users"
	groupsCollection    = "aaa/local_database/groups"
	passwordsCollection = "passwords"
	// certificatesCollection holds certificates with their keys.
	certificatesCollection = "x509"
	// restGroup is the group whose members may use the REST API: it stands for the right "REST server".
	restGroup = "api"
)

func userRule(Switches) rule {
	return record{fields: []field{
		required("name", filledText()),
		required("password", ref{passwordsCollection}),
		optional("password_created", integer(0, math.MaxInt32)), // set by the appliance
	}}
}

func groupRule(s Switches) rule {
	return record{fields: []field{
		required("name", filledText()), required("members", members{list{ref{usersCollection}}, s.MembersShape}),
	}}
}

// members are written as keys and shown as the switch selects. For names see nameMembers.
type members struct {
	list
	shape string
}

func (m members) show(v any) any {
	if m.shape == MembersRefs {
		return m.list.show(v)
	}
	return v
}

// userNames maps the keys of users to their names, if the switch shows the members of user groups by name; nil
// otherwise.
func (a *Appliance) userNames(t *tree, path string) map[string]string {
	if path != groupsCollection || a.switches.MembersShape != MembersNames {
		return nil
	}
	names := map[string]string{}
	for _, user := range t.list(usersCollection) {
		names[user.key] = user.name
	}
	return names
}

// nameMembers replaces the keys of a group's members for display.
func nameMembers(group map[string]any, names map[string]string) {
	keys, _ := group["members"].([]any)
	members := make([]any, 0, len(keys))
	for _, key := range keys {
		text, _ := key.(string)
		members = append(members, names[text])
	}
	group["members"] = members
}

// passwordRule accepts either the password itself or its hash.
func passwordRule(Switches) rule { return passwordForm{} }

type passwordForm struct{}

func (passwordForm) check(c *checker, at string, v any) {
	body, _ := v.(map[string]any)
	name := "plain"
	if _, hashed := body["hash"]; hashed {
		name = "hash"
	}
	record{fields: []field{required(name, filledText())}}.check(c, at, v)
}

func (passwordForm) show(v any) any { return v }

// splitSecret removes from a body what must never be shown, and returns its SHA-256 in hex.
func splitSecret(collection string, body map[string]any) (map[string]any, string) {
	if configurationEndpoints.byPath[collection].kind != vaultKind {
		return body, ""
	}
	shown, secret := map[string]any{}, ""
	for name, v := range body {
		text, _ := v.(string)
		switch name {
		case "plain", "private_key", "passphrase":
			secret += sha256Hex(text)
		case "hash":
			secret += strings.ToLower(text)
		default:
			shown[name] = v
		}
	}
	return shown, secret
}

func sha256Hex(text string) string {
	sum := sha256.Sum256([]byte(text))
	return hex.EncodeToString(sum[:])
}

// stampPassword sets password_created: to now if the password changed, to the previous value otherwise.
func stampPassword(body map[string]any, before *object, now time.Time) {
	created := any(float64(now.Unix()))
	if before != nil && before.body["password"] == body["password"] {
		if was, set := before.body["password_created"]; set {
			created = was
		}
	}
	body["password_created"] = created
}

// checkSingleUse refuses a secret that another object already uses (docs/vendors/sps.md 7: one password object, one
// use). The object's own secret may be written again (Q16).
func checkSingleUse(t *tree, refs []reference, self place) error {
	for _, r := range refs {
		if configurationEndpoints.byPath[r.collection].kind != vaultKind || r.collection == certificatesCollection {
			continue
		}
		secret := t.get(place{r.collection, r.target})
		if _, used := t.referrer(r.collection, secret, self); used {
			return semanticError("%s: the object in %s is already in use; an object serves one purpose", r.path, r.collection)
		}
	}
	return nil
}

// dropUnused removes passwords, and the certificates and keys added by this transaction, that nothing refers to (Q21).
func dropUnused(t, committed *tree) {
	used := t.referred()
	for _, collection := range []string{passwordsCollection, "private_keys", certificatesCollection} {
		for _, o := range t.list(collection) {
			at := place{collection, o.key}
			isNew := committed.get(at) == nil
			if !used[at] && (isNew || collection == passwordsCollection) {
				t.remove(at)
			}
		}
	}
}

// passwordFits reports whether this is the password of a committed local user with access to the REST API.
func (t *tree) passwordFits(name, password string) (fits, mayUseREST bool) {
	user := t.byName(usersCollection, name)
	if user == nil {
		return false, false
	}
	key, _ := user.body["password"].(string)
	stored := t.get(place{passwordsCollection, key})
	if stored == nil || stored.secret != sha256Hex(password) {
		return false, false
	}
	group := t.byName(groupsCollection, restGroup)
	return true, group != nil && group.refersTo(usersCollection, user)
}
