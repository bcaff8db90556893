// SPDX-License-Identifier: Apache-2.0

package sps

import (
	"fmt"
	"net/http"
	"regexp"
)

// Refusal poisons objects: the appliance refuses those that match, at the write or by failing the whole commit.
type Refusal struct {
	// Collection is the collection's path below /api/configuration; empty matches all.
	Collection string `json:"collection,omitempty"`
	// Name is a regular expression for the object's name; empty matches all.
	Name string `json:"name,omitempty"`
	// At is AtWrite (default) or AtCommit.
	At string `json:"at,omitempty"`
	// Status and Type define the response; default 400 and SemanticError.
	Status int    `json:"status,omitempty"`
	Type   string `json:"type,omitempty"`
	// Message is the message of the response; it has a default.
	Message string `json:"message,omitempty"`
	// Times is how often it refuses; 0 means always.
	Times int `json:"times,omitempty"`
}

type refusal struct {
	Refusal
	name *regexp.Regexp
	used int
}

// Refuse adds a refusal. It fails for a Name that is not a regular expression and for an unknown At.
func (a *Appliance) Refuse(r Refusal) error {
	name, err := regexp.Compile(r.Name)
	if err != nil {
		return fmt.Errorf("refusal: name is not a regular expression: %w", err)
	}
	switch r.At {
	case "":
		r.At = AtWrite
	case AtWrite, AtCommit:
	default:
		return fmt.Errorf("refusal: at is %q, want %s or %s", r.At, AtWrite, AtCommit)
	}
	switch {
	case r.Status == 0:
		r.Status = http.StatusBadRequest
	case r.Status < 400 || r.Status > 599:
		return fmt.Errorf("refusal: %d is not an error status", r.Status)
	}
	if r.Type == "" {
		r.Type = "SemanticError"
	}
	if r.Message == "" {
		r.Message = "The object is not acceptable"
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	a.refusals = append(a.refusals, &refusal{Refusal: r, name: name})
	return nil
}

// ClearRefusals removes all refusals.
func (a *Appliance) ClearRefusals() {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.refusals = nil
}

// Refusals returns all refusals, including exhausted ones.
func (a *Appliance) Refusals() []Refusal {
	a.mu.Lock()
	defer a.mu.Unlock()
	out := make([]Refusal, 0, len(a.refusals))
	for _, r := range a.refusals {
		out = append(out, r.Refusal)
	}
	return out
}

// poisoned returns the refusal of an object at a given stage, if there is one, and counts its use.
func (a *Appliance) poisoned(moment, collection string, o *object) error {
	for _, r := range a.refusals {
		matches := r.At == moment && (r.Collection == "" || r.Collection == collection) && r.name.MatchString(o.name)
		if !matches || r.Times > 0 && r.used >= r.Times {
			continue
		}
		r.used++
		return refused(r.Status, r.Type, "%s", r.Message)
	}
	return nil
}

// refuseCommit fails a commit with a poisoned object. The response does not name the object.
func (a *Appliance) refuseCommit(tx *transaction) error {
	for _, p := range tx.changed() {
		o := tx.view.get(p)
		if o == nil {
			o = tx.before[p]
		}
		if err := a.poisoned(AtCommit, p.collection, o); err != nil {
			return err
		}
	}
	return nil
}
