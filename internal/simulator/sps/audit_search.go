// SPDX-License-Identifier: Apache-2.0

package sps

import (
	"cmp"
	"fmt"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
)

const (
	sessionsPath = "/api/audit/sessions"
	// defaultLimit is the length of a page (docs/vendors/sps.md 8, meta.limit).
	defaultLimit = 500
)

// hit is one session found by the search.
type hit struct {
	key  string
	body fields
}

// searchSessions handles GET /api/audit/sessions: q, start, end, fields, sort, limit and offset.
func (a *Appliance) searchSessions(c *call) (answer, error) {
	query := c.r.URL.Query()
	hits, err := a.search(query)
	if err != nil {
		return answer{}, err
	}
	limit, err := pageNumber(query, "limit", defaultLimit)
	if err != nil {
		return answer{}, err
	}
	offset, err := pageNumber(query, "offset", 0)
	if err != nil {
		return answer{}, err
	}
	wanted := []string{}
	if text := query.Get("fields"); text != "" {
		wanted = strings.Split(text, ",")
	}
	items := []any{}
	for _, h := range hits[min(offset, len(hits)):min(offset+limit, len(hits))] {
		items = append(items, h.item(wanted))
	}
	meta := pageMeta(query, len(hits), limit, offset)
	meta["fields"] = wanted
	return ok(fields{"items": items, "meta": meta}), nil
}

// countSessions handles GET /api/audit/sessions/_count.
func (a *Appliance) countSessions(c *call) (answer, error) {
	hits, err := a.search(c.r.URL.Query())
	if err != nil {
		return answer{}, err
	}
	return ok(fields{"count": len(hits), "meta": link(sessionsPath + "/_count")}), nil
}

// showSession handles GET of one session by the key of the search result.
func (a *Appliance) showSession(c *call) (answer, error) {
	key := lastOf(c.path)
	for _, s := range a.Sessions() {
		if s.Key == key {
			a.mu.Lock()
			h := hit{s.Key, a.sessionBody(&s, s.Active)}
			a.mu.Unlock()
			return ok(fields{"key": h.key, "body": h.body, "meta": link(c.path)}), nil
		}
	}
	return answer{}, notFound()
}

func (a *Appliance) search(query url.Values) ([]hit, error) {
	terms, err := parseQuery(query.Get("q"))
	if err != nil {
		return nil, err
	}
	from, err := instant(query, "start")
	if err != nil {
		return nil, err
	}
	to, err := instant(query, "end")
	if err != nil {
		return nil, err
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	var hits []hit
	for _, s := range a.recorded {
		h := hit{s.Key, a.sessionBody(s, s.Active || a.switches.SearchLag)}
		inTime := !s.Start.Before(from) && (to.IsZero() || !s.Start.After(to))
		if inTime && !slices.ContainsFunc(terms, func(t term) bool { return !t.matches(h.body) }) {
			hits = append(hits, h)
		}
	}
	order(hits, query.Get("sort"))
	return hits, nil
}

// order sorts by one field; a leading "-" means descending. The default is newest first.
func order(hits []hit, by string) {
	by = cmp.Or(by, "-start_time")
	name, descending := strings.CutPrefix(by, "-")
	slices.SortStableFunc(hits, func(x, y hit) int {
		c := strings.Compare(textOf(x.body, name), textOf(y.body, name))
		if descending {
			return -c
		}
		return c
	})
}

// item shows the requested fields; by default only key and meta.
func (h hit) item(wanted []string) fields {
	i := item(h.key, sessionsPath+"/"+h.key)
	switch {
	case len(wanted) == 0:
	case slices.Contains(wanted, "*"):
		i["body"] = h.body
	default:
		body := fields{}
		for _, path := range wanted {
			pick(body, h.body, strings.Split(path, "."))
		}
		i["body"] = body
	}
	return i
}

// pick copies the value at a path, with the objects around it.
func pick(to, from fields, path []string) {
	value, present := from[path[0]]
	if !present {
		return
	}
	inner, isObject := value.(fields)
	if len(path) == 1 || !isObject {
		to[path[0]] = value
		return
	}
	part, _ := to[path[0]].(fields)
	if part == nil {
		part = fields{}
	}
	pick(part, inner, path[1:])
	to[path[0]] = part
}

func textOf(body fields, path string) string {
	texts := textsOf(body, path)
	if len(texts) == 0 {
		return ""
	}
	return texts[0]
}

// textsOf returns the values of a member, which may be a list.
func textsOf(body fields, path string) []string {
	value := inside(body, strings.Split(path, ".")...)
	list, isList := value.([]any)
	if !isList {
		list = []any{value}
	}
	var out []string
	for _, v := range list {
		if v != nil {
			out = append(out, fmt.Sprint(v))
		}
	}
	return out
}

func pageNumber(query url.Values, name string, otherwise int) (int, error) {
	text := query.Get(name)
	if text == "" {
		return otherwise, nil
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < 0 || n == 0 && name == "limit" || n > 1<<30 {
		return 0, invalidQuery("%s: %q is not a number that fits", name, text)
	}
	return n, nil
}

func instant(query url.Values, name string) (time.Time, error) {
	text := query.Get(name)
	if text == "" {
		return time.Time{}, nil
	}
	t, err := time.Parse(time.RFC3339, text)
	if err != nil {
		return time.Time{}, invalidQuery("%s: %q is not an ISO 8601 time", name, text)
	}
	return t, nil
}

// pageMeta has links to the other pages, which keep the rest of the query.
func pageMeta(query url.Values, found, limit, offset int) fields {
	page := func(offset int) string {
		q := url.Values{}
		for name, values := range query {
			q[name] = values
		}
		q.Set("limit", strconv.Itoa(limit))
		q.Set("offset", strconv.Itoa(offset))
		return sessionsPath + "?" + q.Encode()
	}
	meta := fields{
		"href": sessionsPath, "parent": "/api/audit", "limit": limit, "offset": offset, "match_count": found,
		"first": page(0), "last": page(max(0, found-1) / limit * limit), "next": nil, "previous": nil,
	}
	if offset+limit < found {
		meta["next"] = page(offset + limit)
	}
	if offset > 0 {
		meta["previous"] = page(max(0, offset-limit))
	}
	return meta
}
