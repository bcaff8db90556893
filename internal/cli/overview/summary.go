// SPDX-License-Identifier: Apache-2.0

package overview

import (
	"fmt"
	"strings"

	pamv1alpha1 "github.com/pam-operator/pam-operator/api/v1alpha1"
	"github.com/pam-operator/pam-operator/internal/cli/printer"
)

// Counts is how many objects are in which state.
type Counts struct {
	Objects   int `json:"objects"`
	Ready     int `json:"ready"`
	UnderWay  int `json:"underWay"`
	Suspended int `json:"suspended"`
	// Needs are those that need somebody, by who that is.
	Needs map[pamv1alpha1.Actor]int `json:"needs,omitempty"`
}

// Count counts the objects that were asked for.
func (v View) Count() Counts {
	c := Counts{Needs: map[pamv1alpha1.Actor]int{}}
	for _, item := range v.Items() {
		c.Objects++
		switch {
		case item.State.Ready():
			c.Ready++
		case item.State.Suspended():
			c.Suspended++
		case item.State.Stuck():
			c.Needs[item.State.Actor]++
		default:
			c.UnderWay++
		}
	}
	return c
}

// anybody is who acts on a reason that this plugin does not know.
const anybody = "somebody"

// whom is how the summary calls those who have to act.
var whom = []struct {
	actor     pamv1alpha1.Actor
	one, many string
}{
	{pamv1alpha1.ActorAuthor, "its author", "their authors"},
	{pamv1alpha1.ActorOwner, "the owner of its connection", "the owners of their connections"},
	{pamv1alpha1.ActorMaker, "a bug report", "bug reports"},
	{pamv1alpha1.ActorWait, anybody, anybody},
	{pamv1alpha1.ActorNobody, anybody, anybody},
	{"", anybody, anybody},
}

// Summary is the last line: how many objects are in which state.
func (v View) Summary() string {
	c := v.Count()
	var parts []string
	for _, part := range []struct {
		count int
		word  string
	}{{c.Ready, "ready"}, {c.UnderWay, "in progress"}, {c.Suspended, "suspended"}} {
		if part.count > 0 {
			parts = append(parts, printer.Thousands(part.count)+" "+part.word)
		}
	}
	for _, who := range whom {
		switch n := c.Needs[who.actor]; {
		case n == 1:
			parts = append(parts, "1 needs "+who.one)
		case n > 1:
			parts = append(parts, printer.Thousands(n)+" need "+who.many)
		}
	}
	return fmt.Sprintf("%s: %s.", printer.Plural(c.Objects, "object", "objects"), strings.Join(parts, ", "))
}

// Progress is what is shown while waiting.
func (v View) Progress() string {
	c := v.Count()
	return fmt.Sprintf("%s of %s ready", printer.Thousands(c.Ready), printer.Thousands(c.Objects))
}
