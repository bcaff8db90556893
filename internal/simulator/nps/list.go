// SPDX-License-Identifier: Apache-2.0

package nps

import (
	"cmp"
	"slices"
	"strings"
	"time"
)

// listed is a session as a list shows it, which may be stale.
type listed struct {
	*session
	state state
}

// listMine lists the sessions created by or for the caller (docs/vendors/nps.md 5).
func (s *Server) listMine(c *call) (answer, error) {
	return s.listByStatus(c, func(x *session) bool { return x.mine(c.who) })
}

func (s *Server) listByStatus(c *call, whose func(*session) bool) (answer, error) {
	inGroup, err := c.statusGroup(c.params["status"])
	if err != nil {
		return answer{}, err
	}
	return s.answerList(c, takeAll, func(x listed) bool { return whose(x.session) && inGroup(x) })
}

func (s *Server) answerList(c *call, take int, keep func(listed) bool) (answer, error) {
	table, err := s.listPage(c, take, keep)
	if err != nil {
		return answer{}, err
	}
	return ok(table), nil
}

// listPage returns the requested page; take is its default size.
func (s *Server) listPage(c *call, take int, keep func(listed) bool) (dataTable, error) {
	q, err := c.listQuery(take)
	if err != nil {
		return dataTable{}, err
	}
	found, err := s.look(c, func(x listed) bool { return keep(x) && q.matches(x) })
	if err != nil {
		return dataTable{}, err
	}
	found, total := q.page(found), len(found)
	page := make([]summary, 0, len(found))
	for _, x := range found {
		page = append(page, s.summarise(c.switches, x.session, x.state))
	}
	return dataTable{Data: c.switches.pageData(page), RecordsTotal: total}, nil
}

// pageData is null instead of an empty list if the switch is on.
func (sw *Switches) pageData(page []summary) any {
	if len(page) == 0 && sw.NullData {
		return nil
	}
	return page
}

// look returns the sessions that a list call can see and has requested.
func (s *Server) look(c *call, keep func(listed) bool) ([]listed, error) {
	s.stats.Lists++
	v := s.sessions.look(c.now, c.switches)
	if status := c.switches.ListRefusedStatus; status != 0 {
		return nil, refuse(status, "")
	}
	var out []listed
	for _, x := range s.sessions.inOrder {
		if !v.shows(x) {
			continue
		}
		if l := (listed{x, x.life.at(v.at)}); keep(l) {
			out = append(out, l)
		}
	}
	return out, nil
}

// statusGroup returns the states that the last segment of a list's path selects: a SessionStatus, or Historical for all
// ended ones.
func (c *call) statusGroup(segment string) (func(listed) bool, error) {
	if strings.EqualFold(segment, "Historical") {
		return func(x listed) bool { return x.state.raw == nil && x.state.status.Ended() }, nil
	}
	want, known := parseStatus(segment)
	if !known {
		return nil, invalid("status", invalidValue(segment))
	}
	return func(x listed) bool {
		have := x.state.status
		if started := !x.life.start.After(c.now); c.switches.ActiveListsBoard && started {
			if have == Pending || have == Cancelling {
				have = Active
			}
		}
		return x.state.raw == nil && have == want
	}, nil
}

// takeAll is the page size if the caller gave none.
const takeAll = -1

// listQuery is the caller's selection from a list.
type listQuery struct {
	skip, take       int
	orderBy          string
	descending       bool
	filter           string
	from, to         time.Time
	resources, users []string
}

func (c *call) listQuery(take int) (listQuery, error) {
	r := c.queryReader()
	q := listQuery{
		skip: r.count("skip", 0), take: r.count("take", take), orderBy: strings.ToLower(r.text("orderby")),
		descending: r.flag("orderdescending"), filter: strings.ToLower(r.text("filtertext")),
		from: r.time("startdate"), to: r.time("enddate"), resources: r.all("resourcename"), users: r.all("username"),
	}
	return q, r.errs.problem()
}

func (q listQuery) matches(x listed) bool {
	start := x.life.start
	switch {
	case !q.from.IsZero() && start.Before(q.from), !q.to.IsZero() && start.After(q.to):
		return false
	case len(q.resources) > 0 && !containsFold(q.resources, x.target.name()):
		return false
	case len(q.users) > 0 && !containsFold(q.users, x.owner.login):
		return false
	}
	return x.contains(q.filter)
}

// contains searches the visible texts of a session for a lower-case text.
func (x *session) contains(text string) bool {
	places := []string{deref(x.note), deref(x.ticket), x.target.name(), x.activity.Name}
	return slices.ContainsFunc(places, func(place string) bool { return containsText(place, text) })
}

// containsText ignores case; text is in lower case.
func containsText(place, text string) bool { return strings.Contains(strings.ToLower(place), text) }

func deref(text *string) string {
	if text == nil {
		return ""
	}
	return *text
}

// page sorts the results and cuts out the page.
func (q listQuery) page(found []listed) []listed {
	slices.SortStableFunc(found, func(a, b listed) int {
		if q.descending {
			a, b = b, a
		}
		return q.compare(a, b)
	})
	return window(found, q.skip, q.take)
}

// window cuts a page out of a list; take may be takeAll.
func window[T any](list []T, skip, take int) []T {
	list = list[min(skip, len(list)):]
	if take == takeAll {
		return list
	}
	return list[:min(take, len(list))]
}

func (q listQuery) compare(a, b listed) int {
	switch q.orderBy {
	case "startdatetimeutc":
		return a.life.start.Compare(b.life.start)
	case "enddatetimeutc":
		return a.life.end.Compare(b.life.end)
	case "activityname":
		return strings.Compare(a.activity.Name, b.activity.Name)
	case "managedresourcename":
		return strings.Compare(a.target.name(), b.target.name())
	case "note":
		return strings.Compare(deref(a.note), deref(b.note))
	case "sessionstatus":
		return cmp.Compare(a.state.status, b.state.status)
	}
	return a.life.created.Compare(b.life.created)
}
