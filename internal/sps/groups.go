// SPDX-License-Identifier: Apache-2.0

package sps

import (
	"fmt"
	"iter"
	"slices"
)

// Group is the part of a local user group that we send (docs/vendors/sps.md 7). A nil member is not managed.
type Group struct {
	Name *string `json:"name,omitempty"`
	// Members are keys of users. An empty list that is not nil is sent.
	Members []string `json:"members,omitzero"`
}

// MemberKeys returns the keys of a group's members; see Directory.MemberKeys.
func MemberKeys(body Body, users []Record) ([]string, error) {
	if body["members"] == nil {
		return nil, nil
	}
	return NewDirectory(slices.Values(users)).MemberKeys(body)
}

// MemberKeys returns the keys of a group's members in order. The appliance may list them as names, keys or references
// (docs/vendors/sps.md Q6), so decoding a body requires the users. A member that is not a user, and a text that matches
// more than one user, are errors: a group written without them would lose them.
func (d Directory) MemberKeys(body Body) ([]string, error) {
	if body["members"] == nil {
		return nil, nil
	}
	members, ok := body["members"].([]any)
	if !ok {
		return nil, fmt.Errorf("the members of group %q are not a list", Object{Body: body}.Name())
	}
	keys := make([]string, 0, len(members))
	for _, member := range members {
		key, err := d.memberKey(member)
		if err != nil {
			return nil, fmt.Errorf("group %q: %w", Object{Body: body}.Name(), err)
		}
		keys = append(keys, key)
	}
	return keys, nil
}

// Directory finds users by every text that can identify one: exactly, and by the canonical form of their names.
type Directory struct{ exact, canonical map[string][]string }

// NewDirectory returns the directory of these users.
func NewDirectory(users iter.Seq[Record]) Directory {
	out := Directory{map[string][]string{}, map[string][]string{}}
	for user := range users {
		out.exact[user.Key] = append(out.exact[user.Key], user.Key)
		if name := user.Name; name != user.Key {
			out.exact[name] = append(out.exact[name], user.Key)
		}
		name := CanonicalName(user.Name)
		out.canonical[name] = append(out.canonical[name], user.Key)
	}
	return out
}

func (d Directory) memberKey(member any) (string, error) {
	if object, ok := asObject(member); ok {
		if key, ok := referenceKey(object); ok {
			return key, nil
		}
	}
	text, ok := member.(string)
	if !ok {
		return "", fmt.Errorf("a member of type %T is neither a name nor a key", member)
	}
	found := d.exact[text]
	if len(found) == 0 {
		found = d.canonical[CanonicalName(text)]
	}
	switch len(found) {
	case 1:
		return found[0], nil
	case 0:
		return "", fmt.Errorf("member %q is not a local user", text)
	default:
		return "", fmt.Errorf("member %q matches %d local users", text, len(found))
	}
}
