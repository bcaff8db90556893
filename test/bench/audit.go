// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
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

// ofElection reports whether leader election wrote it, busy or idle: the lease, and a core Event about it.
func (e auditEvent) ofElection() bool {
	o := e.ObjectRef
	return o.Resource == "leases" ||
		o.Resource == "events" && o.APIGroup == "" && strings.HasPrefix(o.Name, "pam-operator.io.")
}

func (e auditEvent) String() string {
	return strings.TrimSuffix(e.Verb+" "+e.ObjectRef.Resource+"/"+e.ObjectRef.Subresource, "/")
}

// countWrites counts the events in a log, without those of leader election. An incomplete last line is still being
// written.
func countWrites(log []byte) (tally, error) {
	counts := tally{}
	for {
		line, rest, complete := bytes.Cut(log, []byte("\n"))
		if !complete {
			return counts, nil
		}
		var e auditEvent
		if err := json.Unmarshal(line, &e); err != nil {
			return nil, fmt.Errorf("audit log: %w", err)
		}
		if !e.ofElection() {
			counts[e.String()]++
		}
		log = rest
	}
}

// written returns the writes of the manager since the scenario began.
func (d *bed) written() (tally, error) {
	log, err := os.ReadFile(d.plane.AuditLog)
	if errors.Is(err, os.ErrNotExist) { // the file is created with the first event
		return tally{}, nil
	}
	if err != nil {
		return nil, err
	}
	return countWrites(log)
}
