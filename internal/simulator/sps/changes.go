// SPDX-License-Identifier: Apache-2.0

package sps

import (
	"maps"
	"reflect"
	"slices"
)

// showChanges lists what the session's transaction would commit (docs/vendors/sps.md 3, changes).
func (a *Appliance) showChanges(c *call) (answer, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.switches.Changes == ChangesNone {
		return answer{}, notFound()
	}
	changes := []any{}
	if c.session.tx != nil {
		c.session.tx.follow(a.committed)
		changes = a.changeList(c.session.tx)
	}
	meta := fields{"href": changesPath, "parent": transactionPath, "transaction": transactionPath}
	return ok(fields{"changes": changes, "meta": meta}), nil
}

func (a *Appliance) changeList(tx *transaction) []any {
	out := []any{}
	for _, p := range tx.changed() {
		before, now := tx.before[p], tx.view.get(p)
		path := href(p.collection, p.key)
		switch {
		case before == nil:
			out = append(out, fields{"type": "create", "path": a.memberPath(p), "new_value": now.body})
		case now == nil:
			out = append(out, fields{"type": "delete", "path": a.memberPath(p), "old_value": before.body})
		case a.switches.MemberChanges:
			out = append(out, memberChanges(path, before.body, now.body)...)
		default:
			out = append(out, replacement(path, before.body, now.body))
		}
	}
	if a.switches.ReorderChanges {
		out = append(out, reorders(tx, a.committed)...)
	}
	return out
}

// memberPath is the path that names an added or removed object.
func (a *Appliance) memberPath(p place) string {
	if a.switches.Changes == ChangesCollections {
		return href(p.collection, "")
	}
	return href(p.collection, p.key)
}

func replacement(path string, before, now any) fields {
	return fields{"type": "replace", "path": path, "old_value": before, "new_value": now}
}

// memberChanges descends to the members that differ.
func memberChanges(path string, before, now map[string]any) []any {
	names := maps.Clone(before)
	maps.Copy(names, now)
	var out []any
	for _, name := range slices.Sorted(maps.Keys(names)) {
		old, next := before[name], now[name]
		oldObject, wasObject := old.(map[string]any)
		newObject, isObject := next.(map[string]any)
		switch {
		case wasObject && isObject:
			out = append(out, memberChanges(path+"/"+name, oldObject, newObject)...)
		case !reflect.DeepEqual(old, next):
			out = append(out, replacement(path+"/"+name, old, next))
		}
	}
	return out
}

// reorders lists the collections whose order of keys has changed.
func reorders(tx *transaction, committed *tree) []any {
	var out []any
	for _, name := range slices.Sorted(maps.Keys(tx.view.own)) {
		before, now := committed.keys(name), tx.view.keys(name)
		if !slices.Equal(before, now) {
			out = append(out, fields{
				"type": "reorder", "path": href(name, ""), "old_order": slices.Clone(before), "new_order": slices.Clone(now),
			})
		}
	}
	return out
}
