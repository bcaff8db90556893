// SPDX-License-Identifier: Apache-2.0

package difference

import (
	"github.com/pam-operator/pam-operator/internal/cli/overview"
	"github.com/pam-operator/pam-operator/internal/cli/printer"
)

// Document is what `kubectl pam diff -o json` prints.
type Document struct {
	printer.Document `json:",inline"`
	Items            []Item `json:"items"`
}

// Item is one object.
type Item struct {
	overview.Name   `json:",inline"`
	NameOnAppliance string `json:"nameOnAppliance"`
	Connection      string `json:"connection"`
	Key             string `json:"key,omitempty"`
	// Compared is false if it is not known whether the object differs; Message then says why.
	Compared bool    `json:"compared"`
	Count    int     `json:"count"`
	Fields   []Field `json:"fields"`
	Message  string  `json:"message,omitempty"`
}

// Field is one difference; the values are JSON, and shortened if they are long.
type Field struct {
	Path      string `json:"path"`
	Spec      string `json:"spec,omitempty"`
	Appliance string `json:"appliance,omitempty"`
}

// Document returns all of them, also those without a difference.
func (l List) Document() Document {
	d := Document{Document: printer.NewDocument("Diff"), Items: []Item{}}
	for _, each := range l {
		item := Item{
			Name: overview.NameOf(each.Ref), NameOnAppliance: each.Name, Connection: each.Connection, Key: each.Key,
			Compared: each.Unknown == "", Count: len(each.Fields) + each.More, Fields: []Field{},
			Message: each.Why + each.Unknown,
		}
		for _, field := range each.Fields {
			item.Fields = append(item.Fields, Field{field.Path, field.Desired, field.Actual})
		}
		d.Items = append(d.Items, item)
	}
	return d
}
