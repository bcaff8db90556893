// SPDX-License-Identifier: Apache-2.0

package sps

import "fmt"

// Group is what we send of a local user group (sps contract 7). A nil member is not managed.
type Group struct {
	Name *string `json:"name,omitempty"`
	// Members are keys of users. An empty list that is not nil is sent.
	Members []string `json:"members,omitzero"`
}

// MemberKeys returns the keys of a group's members in their order. The appliance may list them as names, as keys or as
// references (sps contract Q6), so it takes the users to read a body. A member that is no user, and a text that means
// more than one user, are errors: a group that was written without them would lose them.
func MemberKeys(body Body, users []Record) ([]string, error) {
	if body["members"] == nil {
		return nil, nil
	}
	members, ok := body["members"].([]any)
	if !ok {
		return nil, fmt.Errorf("the members of group %q are no list", Object{Body: body}.Name())
	}
	directory := newDirectory(users)
	keys := make([]string, 0, len(members))
	for _, member := range members {
		key, err := memberKey(member, directory)
		if err != nil {
			return nil, fmt.Errorf("group %q: %w", Object{Body: body}.Name(), err)
		}
		keys = append(keys, key)
	}
	return keys, nil
}

// directory finds users by every text that can stand for one: exactly, and by the one spelling of their names.
type directory struct{ exact, canonical map[string][]string }

func newDirectory(users []Record) directory {
	out := directory{make(map[string][]string, 2*len(users)), make(map[string][]string, len(users))}
	for _, user := range users {
		out.exact[user.Key] = append(out.exact[user.Key], user.Key)
		if name := user.Name; name != user.Key {
			out.exact[name] = append(out.exact[name], user.Key)
		}
		name := CanonicalName(user.Name)
		out.canonical[name] = append(out.canonical[name], user.Key)
	}
	return out
}

func memberKey(member any, users directory) (string, error) {
	if object, ok := asObject(member); ok {
		if key, ok := referenceKey(object); ok {
			return key, nil
		}
	}
	text, ok := member.(string)
	if !ok {
		return "", fmt.Errorf("a member of type %T is neither a name nor a key", member)
	}
	found := users.exact[text]
	if len(found) == 0 {
		found = users.canonical[CanonicalName(text)]
	}
	switch len(found) {
	case 1:
		return found[0], nil
	case 0:
		return "", fmt.Errorf("member %q is no local user", text)
	default:
		return "", fmt.Errorf("member %q means %d local users", text, len(found))
	}
}
