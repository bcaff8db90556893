// SPDX-License-Identifier: Apache-2.0

package overview

import (
	"fmt"
	"io"
	"slices"
	"strconv"

	"github.com/pam-operator/pam-operator/internal/cli/printer"
	"github.com/pam-operator/pam-operator/internal/kinds"
)

// foldFrom is how many ready objects of one kind are still shown one by one.
const foldFrom = 20

// Options say how the tree is drawn.
type Options struct {
	// Wide adds the key and the position at the appliance, and the generation, and cuts nothing.
	Wide bool
	// Namespaces names the namespace of every connection.
	Namespaces bool
	// Namespace needs no mention.
	Namespace string
}

// Print draws the tree.
func (v View) Print(out io.Writer, s printer.Screen, o Options) {
	if o.Wide {
		s.Cut = false
	}
	p := painter{View: v, screen: s, options: o}
	header := []string{"CONNECTION / OBJECT", "STATE", "SINCE", "WHAT"}
	if o.Wide {
		header = slices.Insert(header, 3, "KEY", "POSITION", "GENERATION")
	}
	nodes := make([]printer.Node, 0, len(v.Roots))
	for _, root := range v.Roots {
		nodes = append(nodes, p.node(root))
	}
	s.Table(out, printer.Table{Header: header, Rows: s.Tree(nodes)})
	fmt.Fprintln(out)
	for _, line := range s.Wrap(v.Summary()) {
		fmt.Fprintln(out, line)
	}
}

type painter struct {
	View
	screen  printer.Screen
	options Options
}

func (p painter) node(root Root) printer.Node {
	name := root.Ref.String()
	if p.options.Namespaces || root.Ref.Namespace != p.options.Namespace {
		name += " (" + root.Ref.Namespace + ")"
	}
	node := printer.Node{}
	if root.Connection != nil {
		node.Row = p.row(name, *root.Connection)
	} else {
		node.Row = printer.Row{Cells: p.cells(name, printer.Cell{Text: "Unknown", Mark: printer.MarkUnknown}, nil, "",
			root.Problem)}
	}
	node.Children = p.children(root)
	return node
}

// children are the objects of a connection; many ready ones of a kind are one line.
func (p painter) children(root Root) []printer.Row {
	ready := map[string]int{}
	for _, item := range root.Children {
		if item.State.Ready() {
			ready[item.Ref.Kind.Name]++
		}
	}
	var rows []printer.Row
	folded := map[string]bool{}
	for _, item := range root.Children {
		kind := item.Ref.Kind
		switch {
		case !item.State.Ready() || ready[kind.Name] <= foldFrom:
			name := item.Ref.String()
			if item.Ref.Namespace != root.Ref.Namespace {
				name += " (" + item.Ref.Namespace + ")"
			}
			rows = append(rows, p.row(name, item))
		case !folded[kind.Name]:
			folded[kind.Name] = true
			rows = append(rows, p.fold(kind, ready[kind.Name]))
		}
	}
	return rows
}

func (p painter) fold(kind kinds.Kind, count int) printer.Row {
	return printer.Row{Cells: p.cells(kind.ShortName+": "+printer.Thousands(count),
		printer.Cell{Text: "Ready", Mark: printer.MarkReady}, nil, "", "")}
}

func (p painter) row(name string, item Item) printer.Row {
	s := item.State
	row := printer.Row{Cells: p.cells(name, printer.Cell{Text: s.Word, Mark: s.Mark}, &item,
		printer.Age(p.now, s.Since), p.what(item))}
	row.Spill = s.Stuck() || s.Suspended()
	if step := nextStep(item); s.Stuck() && step != "" {
		row.Below = []string{step}
	}
	return row
}

// cells are the columns, with those of -o wide.
func (p painter) cells(name string, state printer.Cell, item *Item, since, what string) []printer.Cell {
	cells := []printer.Cell{{Text: name}, state, {Text: since}, {Text: what}}
	if !p.options.Wide {
		return cells
	}
	key, position, generation := "", "", ""
	if item != nil {
		d := item.document()
		key, generation = d.Key, strconv.FormatInt(d.Generation, 10)
		if d.Position != nil {
			position = strconv.Itoa(int(*d.Position))
		}
	}
	return slices.Insert(cells, 3, printer.Texts(key, position, generation)...)
}
