// SPDX-License-Identifier: Apache-2.0

// Package overview puts objects under their connections, for `kubectl pam status`: what is shown of each, and what all
// of them together mean.
package overview

import (
	"cmp"
	"context"
	"slices"
	"strings"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/types"

	"github.com/pam-operator/pam-operator/internal/cli/cluster"
	"github.com/pam-operator/pam-operator/internal/cli/printer"
	"github.com/pam-operator/pam-operator/internal/cli/state"
	"github.com/pam-operator/pam-operator/internal/kinds"
)

// Item is an object and its state.
type Item struct {
	Ref    cluster.Ref
	Object kinds.Object
	State  state.State
}

// Root is a connection and what goes through it.
type Root struct {
	Ref cluster.Ref
	// Connection is nil if the connection cannot be read; Problem then says why.
	Connection *Item
	Problem    string
	Children   []Item
	// asked is set if the connection is one of the objects that were asked for, and not only shown above them.
	asked bool
}

// View is all of it, in the order in which it is shown.
type View struct {
	Roots []Root
	now   time.Time
}

// Lookup is what is known of a connection that is not among the objects: the connection, or why it cannot be read.
type Lookup struct {
	Object  kinds.Object
	Problem string
}

// Connections reads the connections that the objects refer to and that are not among them.
func Connections(ctx context.Context, c *cluster.Client, objects []kinds.Object) map[cluster.ID]Lookup {
	there := map[cluster.ID]bool{}
	for _, o := range objects {
		there[cluster.IDOf(o)] = true
	}
	found := map[cluster.ID]Lookup{}
	for _, o := range objects {
		ref, connected := connectionOf(o)
		if _, known := found[ref.ID()]; !connected || known || there[ref.ID()] {
			continue
		}
		connection := ref.Kind.New()
		err := c.Get(ctx, ref.Key(), connection)
		switch {
		case err == nil:
			found[ref.ID()] = Lookup{Object: connection}
		case apierrors.IsNotFound(err):
			found[ref.ID()] = Lookup{Problem: "there is no such connection" + similar(ctx, c, ref)}
		default:
			found[ref.ID()] = Lookup{Problem: err.Error()}
		}
	}
	return found
}

// connectionOf is the connection that an object goes through.
func connectionOf(o kinds.Object) (ref cluster.Ref, connected bool) {
	through, is := o.(kinds.Connected)
	if !is {
		return cluster.Ref{}, false
	}
	kind, _ := kinds.Named(cluster.KindOf(o).Connection)
	to := through.Connection()
	return cluster.Ref{Kind: kind, Namespace: cmp.Or(to.Namespace, o.GetNamespace()), Name: to.Name}, true
}

// New groups objects. Connections are those that Connections found.
func New(objects []kinds.Object, connections map[cluster.ID]Lookup, now time.Time) View {
	roots := map[cluster.ID]*Root{}
	root := func(ref cluster.Ref) *Root {
		if roots[ref.ID()] == nil {
			roots[ref.ID()] = &Root{Ref: ref}
			if known, is := connections[ref.ID()]; is && known.Object != nil {
				roots[ref.ID()].Connection = itemOf(known.Object)
			} else if is {
				roots[ref.ID()].Problem = known.Problem
			}
		}
		return roots[ref.ID()]
	}
	for _, o := range objects {
		if ref, connected := connectionOf(o); connected {
			r := root(ref)
			r.Children = append(r.Children, *itemOf(o))
			continue
		}
		r := root(cluster.RefOf(o))
		r.Connection, r.asked = itemOf(o), true
	}
	view := View{now: now}
	for _, r := range roots {
		slices.SortFunc(r.Children, func(a, b Item) int { return compare(a.Ref, b.Ref) })
		view.Roots = append(view.Roots, *r)
	}
	slices.SortFunc(view.Roots, func(a, b Root) int { return compare(a.Ref, b.Ref) })
	return view
}

func itemOf(o kinds.Object) *Item { return &Item{cluster.RefOf(o), o, state.Of(o)} }

// compare orders by kind as in the table of kinds, then by namespace and name.
func compare(a, b cluster.Ref) int {
	return cmp.Or(cmp.Compare(rank(a), rank(b)), strings.Compare(a.Namespace, b.Namespace),
		strings.Compare(a.Name, b.Name))
}

func rank(r cluster.Ref) int {
	return slices.IndexFunc(kinds.All(), func(k kinds.Kind) bool { return k.Name == r.Kind.Name })
}

// Items are the objects that were asked for.
func (v View) Items() []Item {
	var out []Item
	for _, root := range v.Roots {
		if root.asked {
			out = append(out, *root.Connection)
		}
		out = append(out, root.Children...)
	}
	return out
}

// Empty reports whether there are none.
func (v View) Empty() bool { return len(v.Items()) == 0 }

// AllReady reports whether all objects are ready.
func (v View) AllReady() bool {
	return !slices.ContainsFunc(v.Items(), func(i Item) bool { return !i.State.Ready() })
}

// Hopeless reports whether one of them will not become ready by itself.
func (v View) Hopeless() bool {
	return slices.ContainsFunc(v.Roots, func(r Root) bool {
		if r.asked && r.Connection.staysSuspended(r.Connection) {
			return true
		}
		return slices.ContainsFunc(r.Children, func(i Item) bool { return i.staysSuspended(r.Connection) })
	}) || slices.ContainsFunc(v.Items(), func(i Item) bool { return i.State.Stuck() })
}

// staysSuspended is false for an object that still says so just after it, or the connection that it goes through, was
// resumed.
func (i Item) staysSuspended(through *Item) bool {
	return i.State.Suspended() && (suspends(i.Object) || through == nil || suspends(through.Object))
}

// suspends reports whether the spec of an object suspends it.
func suspends(o kinds.Object) bool {
	if policy, is := o.(kinds.PolicyObject); is {
		return policy.ManagementPolicies().Suspended()
	}
	spec, is := o.(interface{ Suspended() bool })
	return is && spec.Suspended()
}

// Names are the objects' names for scripts.
func (v View) Names() []string {
	items := v.Items()
	out := make([]string, 0, len(items))
	for _, item := range items {
		out = append(out, item.Ref.FullName())
	}
	return out
}

// Changes are lines about the objects that look different from what was shown, which it updates.
func (v View) Changes(shown map[cluster.ID]string) []string {
	var lines []string
	there := map[cluster.ID]bool{}
	for _, item := range v.Items() {
		there[item.Ref.ID()] = true
		line := place(item.Ref) + " " + item.State.Word
		if message := printer.Clean(item.State.Message); message != "" && !item.State.Ready() {
			line += ": " + message
		}
		if shown[item.Ref.ID()] != line {
			shown[item.Ref.ID()] = line
			lines = append(lines, v.now.UTC().Format(time.RFC3339)+" "+line)
		}
	}
	for id := range shown {
		if !there[id] {
			delete(shown, id)
			kind, _ := kinds.Named(id.Kind)
			ref := cluster.Ref{Kind: kind, Namespace: id.Namespace, Name: id.Name}
			lines = append(lines, v.now.UTC().Format(time.RFC3339)+" "+place(ref)+" Deleted")
		}
	}
	return lines
}

// place is an object with its namespace.
func place(r cluster.Ref) string {
	return types.NamespacedName{Namespace: r.Namespace, Name: r.String()}.String()
}
