// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"slices"
	"strings"
)

// auditPolicy makes the API server log the changes by one user, and nothing else.
func auditPolicy(user string) string {
	return fmt.Sprintf(`apiVersion: audit.k8s.io/v1
kind: Policy
omitStages: [RequestReceived]
rules:
- level: Metadata
  users: [%q]
  verbs: [create, update, patch, delete, deletecollection]
- level: None
`, user)
}

// writes counts changes by verb and resource, such as "patch rdpconnectionpolicies/status".
type writes map[string]int

// auditEvent is the part of an audit event that we read.
type auditEvent struct {
	Verb      string `json:"verb"`
	ObjectRef struct {
		APIGroup    string `json:"apiGroup"`
		Resource    string `json:"resource"`
		Name        string `json:"name"`
		Subresource string `json:"subresource"`
	} `json:"objectRef"`
}

// countWrites reads audit events, one per line.
func countWrites(log io.Reader) (writes, error) {
	counts := writes{}
	reader := bufio.NewReader(log)
	for {
		line, err := reader.ReadBytes('\n')
		if errors.Is(err, io.EOF) { // an incomplete line is still being written
			return counts, nil
		}
		if err != nil {
			return nil, err
		}
		var e auditEvent
		if err := json.Unmarshal(line, &e); err != nil {
			return nil, fmt.Errorf("audit log: %w", err)
		}
		counts[e.name()]++
	}
}

// Names of what leader election writes, busy or idle: its lease, and an Event about it.
const (
	lease      = "pam-operator.io"
	election   = "leader election"
	leases     = " leases"
	coreEvents = "events"
)

func (e auditEvent) name() string {
	o := e.ObjectRef
	switch {
	// The operator's own Events are in the group events.k8s.io, and named after other objects.
	case o.Resource == coreEvents && o.APIGroup == "" && strings.HasPrefix(o.Name, lease+"."):
		return e.Verb + " " + o.Resource + " of " + election
	case o.Subresource != "":
		return e.Verb + " " + o.Resource + "/" + o.Subresource
	}
	return e.Verb + " " + o.Resource
}

// split separates the writes of leader election from the others.
func (w writes) split() (work writes, elections int) {
	work = maps.Clone(w)
	for name, n := range w {
		if strings.HasSuffix(name, leases) || strings.HasSuffix(name, election) {
			elections += n
			delete(work, name)
		}
	}
	return work, elections
}

func (w writes) total() int {
	total := 0
	for _, n := range w {
		total += n
	}
	return total
}

func (w writes) String() string {
	parts := make([]string, 0, len(w))
	for _, name := range slices.Sorted(maps.Keys(w)) {
		parts = append(parts, fmt.Sprintf("%d %s", w[name], name))
	}
	return strings.Join(parts, ", ")
}

// auditMark is a position in an audit log.
type auditMark struct {
	file   string
	offset int64
}

func markAudit(file string) (auditMark, error) {
	info, err := os.Stat(file)
	if errors.Is(err, os.ErrNotExist) { // the file is created with the first event
		return auditMark{file: file}, nil
	}
	if err != nil {
		return auditMark{}, err
	}
	return auditMark{file: file, offset: info.Size()}, nil
}

// since counts what was written after the mark.
func (m auditMark) since() (writes, error) {
	file, err := os.Open(m.file)
	if errors.Is(err, os.ErrNotExist) {
		return writes{}, nil
	}
	if err != nil {
		return nil, err
	}
	defer file.Close()
	if _, err := file.Seek(m.offset, io.SeekStart); err != nil {
		return nil, err
	}
	return countWrites(file)
}
