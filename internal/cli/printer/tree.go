// SPDX-License-Identifier: Apache-2.0

package printer

// Node is a root of a tree and what hangs on it. The first cell of a row is where the branches are drawn.
type Node struct {
	Row      Row
	Children []Row
}

// Tree draws the branches of trees with two levels, and returns the rows of a table.
func (s Screen) Tree(nodes []Node) []Row {
	g := s.glyphs()
	var rows []Row
	for _, node := range nodes {
		root := node.Row
		if len(node.Children) > 0 {
			root.Margin = g.bar
		}
		rows = append(rows, root)
		for i, child := range node.Children {
			branch, margin := g.branch, g.bar
			if i == len(node.Children)-1 {
				branch, margin = g.last, g.blank
			}
			cells := append([]Cell(nil), child.Cells...)
			cells[0].Text = branch + cells[0].Text
			child.Cells, child.Margin = cells, margin
			rows = append(rows, child)
		}
	}
	return rows
}
