// SPDX-License-Identifier: Apache-2.0

// Package release deletes our objects without touching what they stand for on the appliances.
package release

import (
	"cmp"
	"fmt"
	"io"
	"slices"
	"strings"

	pamv1alpha1 "github.com/pam-operator/pam-operator/api/v1alpha1"
	"github.com/pam-operator/pam-operator/internal/cli/cluster"
	"github.com/pam-operator/pam-operator/internal/cli/printer"
	"github.com/pam-operator/pam-operator/internal/kinds"
)

// What happens to live sessions.
const (
	End  = "end"
	Keep = "keep"
)

// Plan is what is released, and how.
type Plan struct {
	// Objects are in the order in which they go: connections last.
	Objects []kinds.Object
	// Manager is set if one runs, which can be asked to release objects.
	Manager bool
	// Sessions is End, Keep, or empty if nobody said.
	Sessions string
}

// New makes a plan.
func New(objects []kinds.Object, manager bool, sessions string) Plan {
	ordered := slices.Clone(objects)
	slices.SortStableFunc(ordered, func(a, b kinds.Object) int {
		return cmp.Or(cmp.Compare(order(a), order(b)), strings.Compare(a.GetNamespace(), b.GetNamespace()),
			strings.Compare(a.GetName(), b.GetName()))
	})
	return Plan{Objects: ordered, Manager: manager, Sessions: sessions}
}

// order is the reverse of that in which objects can be created, so that nothing goes before what refers to it.
func order(o kinds.Object) int {
	return -slices.IndexFunc(kinds.All(), func(k kinds.Kind) bool { return k.Name == cluster.KindOf(o).Name })
}

// isConnection reports whether others go through an object.
func isConnection(o kinds.Object) bool {
	_, connected := o.(kinds.Connected)
	return !connected
}

// live are the sessions that are not over.
func (p Plan) live() []*pamv1alpha1.ActivitySession {
	var out []*pamv1alpha1.ActivitySession
	for _, o := range p.Objects {
		if session, is := o.(*pamv1alpha1.ActivitySession); is && isLive(session) {
			out = append(out, session)
		}
	}
	return out
}

func isLive(s *pamv1alpha1.ActivitySession) bool {
	return !s.Status.Phase.Terminal() && (s.Status.SessionID != "" || s.Status.RequestID != "")
}

// Check refuses a plan that does not say what happens to live sessions, or cannot do it.
func (p Plan) Check() error {
	live := p.live()
	switch {
	case len(live) == 0:
		return nil
	case p.Sessions == "":
		return fmt.Errorf("%s live: say what happens to them with --sessions=end or --sessions=keep",
			printer.Plural(len(live), "session is", "sessions are"))
	case p.Sessions == End && !p.Manager:
		return fmt.Errorf("no manager runs, so nobody can end sessions: end %s at the server, or use --sessions=keep",
			strings.Join(ids(live), ", "))
	case p.Sessions == Keep && p.Manager:
		return p.checkKept(live)
	}
	return nil
}

// checkKept refuses to release sessions that a manager would end, because no grant of their connection lets any session
// outlive its object. It knows the connections that are released themselves.
func (p Plan) checkKept(live []*pamv1alpha1.ActivitySession) error {
	keeps := func(g pamv1alpha1.Grant) bool { return g.Keep != nil && *g.Keep }
	for _, o := range p.Objects {
		conn, is := o.(*pamv1alpha1.NPSConnection)
		if !is || len(conn.Spec.Grants) == 0 || slices.ContainsFunc(conn.Spec.Grants, keeps) {
			continue
		}
		for _, s := range live {
			ref := s.Spec.ConnectionRef
			if ref.Name == conn.Name && cmp.Or(ref.Namespace, s.Namespace) == conn.Namespace {
				return fmt.Errorf("NPSConnection %s/%s has no grant with keep: true, so the manager would end session %s: "+
					"add it to the grant, or use --sessions=end", conn.Namespace, conn.Name, ids([]*pamv1alpha1.ActivitySession{s})[0])
			}
		}
	}
	return nil
}

func ids(sessions []*pamv1alpha1.ActivitySession) []string {
	out := make([]string, 0, len(sessions))
	for _, s := range sessions {
		out = append(out, cmp.Or(s.Status.SessionID, s.Status.RequestID))
	}
	return out
}

// How says how the objects go.
func (p Plan) How() string {
	if p.Manager {
		return "The manager is running: it is asked to release them (deletionPolicy: Orphan)."
	}
	return "No manager is running: the finalizers are taken off."
}

// Print shows what goes, and what becomes of it.
func (p Plan) Print(out io.Writer, s printer.Screen) {
	type group struct{ kind, connection, fate string }
	count := map[group]int{}
	var groups []group
	for _, o := range p.Objects {
		g := group{cluster.KindOf(o).Name, through(o), p.fate(o)}
		if count[g] == 0 {
			groups = append(groups, g)
		}
		count[g]++
	}
	table := printer.Table{Header: []string{"OBJECTS", "CONNECTION", "AFTERWARDS"}}
	for _, g := range groups {
		table.Rows = append(table.Rows, printer.Row{Cells: printer.Texts(
			printer.PluralKind(count[g], g.kind), g.connection, g.fate), Spill: true})
	}
	s.Table(out, table)
	for _, session := range p.live() {
		fmt.Fprintf(out, "live session %s of %s\n", cmp.Or(session.Status.SessionID, session.Status.RequestID),
			cluster.RefOf(session))
	}
}

func through(o kinds.Object) string {
	if connected, is := o.(kinds.Connected); is {
		return connected.Connection().Name
	}
	return o.GetName()
}

// fate is what becomes of what an object stands for.
func (p Plan) fate(o kinds.Object) string {
	if _, is := o.(kinds.PolicyObject); is {
		return "stays on the appliance as it is"
	}
	if isConnection(o) {
		return "only the object goes; its Secrets that you wrote stay"
	}
	session, is := o.(*pamv1alpha1.ActivitySession)
	switch {
	case !is || !isLive(session):
		return "only the record goes"
	case p.Sessions == End:
		return "live: is ended"
	case p.Sessions == Keep:
		return "live: goes on until it ends at the server; its Secret goes"
	}
	return "live: --sessions=end or --sessions=keep must say what happens"
}
