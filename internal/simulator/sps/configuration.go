// SPDX-License-Identifier: Apache-2.0

package sps

import (
	"slices"
	"strings"
)

// target is what the path of a request below /api/configuration leads to.
type target struct {
	endpoint
	key string // "" for the endpoint itself
}

func (a *Appliance) locate(c *call) (target, error) {
	path := strings.TrimPrefix(strings.TrimPrefix(c.path, configurationRoot), "/")
	e, key, found := configurationEndpoints.locate(path)
	if !found || a.Switches().lacks(e.path) {
		return target{}, notFound()
	}
	return target{e, key}, nil
}

// lacks reports whether this version has an endpoint elsewhere.
func (s Switches) lacks(path string) bool {
	return slices.Contains(analyticsCollections, path) && path != s.AnalyticsCollection
}

func (t target) place() place { return place{t.path, t.key} }

// read handles GET of an area, a collection, a document or an object, as this log-in session sees it.
func (a *Appliance) read(c *call) (answer, error) {
	t, err := a.locate(c)
	if err != nil {
		return answer{}, err
	}
	switch {
	case t.kind == areaKind:
		return a.readArea(c, t)
	case t.key != "" || t.kind == documentKind:
		return a.readObject(c, t)
	default:
		return a.readCollection(c, t)
	}
}

// viewOf returns the configuration as a session sees it. The caller holds the mutex.
func (a *Appliance) viewOf(s *session) *tree {
	if s.tx == nil {
		return a.committed
	}
	s.tx.follow(a.committed)
	return s.tx.view
}

func (a *Appliance) readArea(c *call, t target) (answer, error) {
	children, switches := configurationEndpoints.children[t.path], a.Switches()
	items := make([]any, 0, len(children))
	for _, child := range children {
		if !switches.lacks(child) {
			items = append(items, item(lastOf(child), href(child, "")))
		}
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	return ok(fields{"items": items, "meta": a.configurationMeta(c.session, endpointLinks(t.path))}), nil
}

func item(key, href string) fields { return fields{"key": key, "meta": fields{"href": href}} }

func (a *Appliance) readCollection(c *call, t target) (answer, error) {
	a.mu.Lock()
	view := a.viewOf(c.session)
	switches, objects, names := a.switches, view.list(t.path), a.userNames(view, t.path)
	meta := a.configurationMeta(c.session, endpointLinks(t.path))
	a.mu.Unlock()
	if t.kind == vaultKind && (t.path != certificatesCollection || !switches.ListX509) {
		return answer{}, notPermitted()
	}
	items := make([]any, 0, len(objects))
	shape := t.rule(switches)
	for _, o := range objects {
		i := item(o.key, href(t.path, o.key))
		if switches.ListBodies {
			i["body"] = shown(shape, o, names)
		}
		items = append(items, i)
	}
	return ok(fields{"items": items, "meta": meta}), nil
}

func (a *Appliance) readObject(c *call, t target) (answer, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	view := a.viewOf(c.session)
	o := view.get(t.place())
	if o == nil {
		return answer{}, notFound()
	}
	key, links := t.key, objectLinks(view, t.place())
	if t.kind == documentKind {
		key, links = lastOf(t.path), endpointLinks(t.path)
	}
	body := shown(t.rule(a.switches), o, a.userNames(view, t.path))
	return ok(fields{"key": key, "body": body, "meta": a.configurationMeta(c.session, links)}), nil
}

// shown returns the body of an object as GET shows it. names, if not nil, replaces the members of a user group.
func shown(r rule, o *object, names map[string]string) any {
	body := r.show(o.body)
	if names == nil {
		return body
	}
	if group, isObject := body.(map[string]any); isObject {
		nameMembers(group, names)
	}
	return body
}

// configurationMeta completes the links of a response below /api/configuration (docs/vendors/sps.md 2).
func (a *Appliance) configurationMeta(s *session, links fields) fields {
	links["transaction"] = transactionPath
	show := a.switches.RemainingSeconds
	if show == RemainingAlways || show == RemainingWhileOpen && s.tx != nil {
		links["remaining_seconds"] = int(a.idleLimit().Seconds())
	}
	return links
}

// endpointLinks link the endpoints in the same area. The root has no siblings.
func endpointLinks(path string) fields {
	address := func(path string) string { return href(path, "") }
	if path == "" {
		links := siblings([]string{""}, 0, address)
		links["parent"] = nil
		return links
	}
	row := configurationEndpoints.children[parentOf(path)]
	links := siblings(row, slices.Index(row, path), address)
	links["parent"] = address(parentOf(path))
	return links
}

// objectLinks link the objects in the same collection. Secrets have no siblings, because they cannot be listed.
func objectLinks(t *tree, p place) fields {
	row := t.keys(p.collection)
	if configurationEndpoints.byPath[p.collection].kind == vaultKind {
		row = []string{p.key}
	}
	links := siblings(row, slices.Index(row, p.key), func(key string) string { return href(p.collection, key) })
	links["parent"] = href(p.collection, "")
	return links
}
