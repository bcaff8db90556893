// SPDX-License-Identifier: Apache-2.0

package policy

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	pamv1alpha1 "github.com/pam-operator/pam-operator/api/v1alpha1"
	"github.com/pam-operator/pam-operator/internal/appliance"
	"github.com/pam-operator/pam-operator/internal/controller/loop"
	"github.com/pam-operator/pam-operator/internal/rest"
	"github.com/pam-operator/pam-operator/internal/sps"
)

// groupManaged is the wire form of what the spec manages.
func groupManaged(name string, members bool, keys []string) sps.Group {
	out := sps.Group{Name: &name}
	if members {
		out.Members = keys
	}
	return out
}

var groupComparison = sps.Comparison{
	sps.MemberName: {Meaning: sps.NameMeaning}, "members": {Unordered: true, Emptiable: true},
}

// withMembers is a body with these members, in the form in which a group is written: keys (docs/vendors/sps.md 7).
func withMembers(body sps.Body, keys []string) sps.Body {
	out := maps.Clone(body)
	list := make([]any, 0, len(keys))
	for _, key := range keys {
		list = append(list, key)
	}
	out["members"] = list
	return out
}

// union adds the keys that are missing, at the end.
func union(current, wanted []string) []string {
	out, there := slices.Clone(current), setOf(current)
	for _, key := range wanted {
		if !there[key] {
			there[key] = true
			out = append(out, key)
		}
	}
	return out
}

func setOf(texts []string) map[string]bool {
	set := make(map[string]bool, len(texts))
	for _, text := range texts {
		set[text] = true
	}
	return set
}

// memberKey is the key of the user with a name, which is member i of the spec.
func memberKey(ctx context.Context, users *appliance.Listing, i int, name string) (string, error) {
	switch found := users.Named(name); len(found) {
	case 1:
		return found[0], nil
	case 0:
		hint, err := nearby(ctx, name, namesOf(users.Records()))
		if err != nil {
			return "", err
		}
		return "", loop.MustAct(pamv1alpha1.ReasonReferenceNotFound,
			"spec.members[%d]: the appliance has no user %s", i, hint)
	default:
		return "", &appliance.AmbiguousError{Collection: sps.Users, Name: name, Keys: found}
	}
}

// removesAccount is why members must not be written: an account that the operator logs in with, or the built-in user,
// would lose the group and the rights that come with it. It is empty if they may be written.
func removesAccount(seen *observation, wanted []string, users []sps.Record) string {
	if _, managed := seen.managed["members"]; !managed {
		return ""
	}
	current, err := sps.MemberKeys(seen.current.Body, users)
	if err != nil {
		return "" // then nothing is written either
	}
	for _, u := range users {
		if !slices.Contains(current, u.Key) || slices.Contains(wanted, u.Key) {
			continue
		}
		if seen.accounts.Has(u.Name) || sps.IsBuiltIn(sps.Users, u.Name) {
			return fmt.Sprintf("members would remove %q, %s, from the group: add it to members, or set membership: Additive",
				u.Name, whoseAccount(u.Name))
		}
	}
	return ""
}

func whoseAccount(name string) string {
	if sps.IsBuiltIn(sps.Users, name) {
		return "the built-in user of the appliance's owner"
	}
	return "the account with which a connection logs in to this appliance"
}

// namesOfMembers shows a difference of members by their names: keys mean nothing to people.
func namesOfMembers(differences []sps.Difference, users []sps.Record, wanted, current []string) {
	for i := range differences {
		if differences[i].Path == "members" {
			differences[i].Desired = "[" + strings.Join(memberNames(users, wanted), ", ") + "]"
			differences[i].Actual = "[" + strings.Join(current, ", ") + "]"
		}
	}
}

const (
	// maxMembersShown is how many members a status lists.
	maxMembersShown = 1000
	// maxMemberShown bounds the name of a member, in bytes.
	maxMemberShown = 256
)

// memberNames are the names of the users with these keys, sorted.
func memberNames(users []sps.Record, keys []string) []string {
	var names []string
	wanted := setOf(keys)
	for _, u := range users {
		if !wanted[u.Key] {
			continue
		}
		if name := rest.Shorten(u.Name, maxMemberShown); name != "" {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	names = slices.Compact(names)
	return names[:min(len(names), maxMembersShown)]
}
