// SPDX-License-Identifier: Apache-2.0

package controller

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	pamv1alpha1 "github.com/pam-operator/pam-operator/api/v1alpha1"
	"github.com/pam-operator/pam-operator/internal/connection"
	"github.com/pam-operator/pam-operator/internal/sps"
)

// builtInGroups come with every appliance (sps contract 7, partly inferred). They carry the rights of the appliance's
// own administrators, so they are not managed.
var builtInGroups = []string{"admin", "api", "changelog", "indexing", "report", "reporting", "search"}

// builtInAreas are the first words of the built-in groups that come as a pair, such as http-view and http-write.
var builtInAreas = []string{"auth", "basic", "http", "ica", "policies", "rdp", "ssh", "telnet", "vnc"}

func builtInGroup(name string) bool {
	area, right, _ := strings.Cut(name, "-")
	return slices.Contains(builtInGroups, name) ||
		slices.Contains(builtInAreas, area) && (right == "view" || right == "write")
}

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

// withMembers is a body with these members, in the form in which a group is written: keys (sps contract 7).
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

// memberKey is the key of the user of a name, which is member i of the spec.
func memberKey(ctx context.Context, users *connection.Listing, i int, name string) (string, error) {
	switch found := users.Named(name); len(found) {
	case 1:
		return found[0], nil
	case 0:
		hint, err := nearby(ctx, name, namesOf(users.Records()))
		if err != nil {
			return "", err
		}
		return "", mustAct(pamv1alpha1.ReasonReferenceNotFound,
			"spec.members[%d]: the appliance has no user %s", i, hint)
	default:
		return "", &connection.AmbiguousError{Collection: sps.Users, Name: name, Keys: found}
	}
}

// removesAccount says why members must not be written: an account that the operator logs in with, or the built-in user,
// would lose the group and with it rights. It is empty if they may be.
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
		if seen.accounts.Has(u.Name) || strings.EqualFold(u.Name, builtInUser) {
			return fmt.Sprintf("members would remove %q, %s, from the group: add it to members, or set membership: Additive",
				u.Name, whoseAccount(u.Name))
		}
	}
	return ""
}

func whoseAccount(name string) string {
	if strings.EqualFold(name, builtInUser) {
		return "the built-in user of the appliance's owner"
	}
	return "the account with which a connection logs in to this appliance"
}

// deletesAccount refuses to delete a group that an account has which the operator logs in with.
func deletesAccount(
	ctx context.Context, tx *connection.Transaction, accounts connection.Accounts, group sps.Object,
) error {
	listing, err := tx.List(ctx, sps.Users)
	if err != nil {
		return err
	}
	users := listing.Records()
	members, err := sps.MemberKeys(group.Body, users)
	if err != nil {
		return mustAct(pamv1alpha1.ReasonDeletionBlocked, "%v, so nobody can tell whether the group has an account with "+
			"which a connection logs in", err)
	}
	for _, u := range users {
		if slices.Contains(members, u.Key) && accounts.Has(u.Name) {
			return mustAct(pamv1alpha1.ReasonDeletionBlocked, "the group has %q as a member, %s: take it out of the group on "+
				"the appliance first, or set deletionPolicy: Orphan", u.Name, whoseAccount(u.Name))
		}
	}
	return nil
}

// namesOfMembers shows a difference of members by their names: keys say nothing to people.
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
	// maxMemberShown bounds the name of one, in bytes.
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
		if name := shorten(u.Name, maxMemberShown); name != "" {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	names = slices.Compact(names)
	return names[:min(len(names), maxMembersShown)]
}

// deleteUser takes a user out of every group and then deletes it: the appliance may refuse to delete a member (sps
// contract 7, inferred).
func deleteUser(ctx context.Context, tx *connection.Transaction, user sps.Object) error {
	groups, err := tx.List(ctx, sps.Groups)
	if err != nil {
		return err
	}
	listing, err := tx.List(ctx, sps.Users)
	if err != nil {
		return err
	}
	users := listing.Records()
	for _, record := range groups.Records() {
		group := record.Object()
		keys, err := sps.MemberKeys(group.Body, users)
		if err != nil || !slices.Contains(keys, user.Key) {
			continue // a group that cannot be read is left to the appliance, which may refuse the deletion
		}
		rest := slices.DeleteFunc(slices.Clone(keys), func(key string) bool { return key == user.Key })
		if err := tx.Replace(ctx, sps.Groups, group.Key, withMembers(sps.Dereference(group.Body), rest)); err != nil {
			return err
		}
	}
	return tx.Delete(ctx, sps.Users, user.Key)
}
