// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"

	"github.com/pam-operator/pam-operator/internal/simulator/fault"
)

// Kinds of calls to the appliance.
const (
	callLogIn    = "log-in"
	callInfo     = "info"
	callList     = "list"
	callGet      = "get"
	callWrite    = "write"
	callOpen     = "open"
	callCommit   = "commit"
	callRollBack = "roll-back"
	callChanges  = "changes"
	callState    = "state"
	callOther    = "other"
)

const configurationPath = "/api/configuration/"

// kindOf returns the purpose of a call.
func kindOf(c fault.Call) string {
	switch {
	case strings.HasPrefix(c.Path, configurationPath) && c.Method != http.MethodGet:
		return callWrite
	case strings.HasPrefix(c.Path, configurationPath) && isCollection(c.Path):
		return callList
	case strings.HasPrefix(c.Path, configurationPath):
		return callGet
	}
	kind, known := map[string]string{
		"GET /api/authentication":      callLogIn,
		"GET /api/info":                callInfo,
		"GET /api/transaction":         callState,
		"POST /api/transaction":        callOpen,
		"PUT /api/transaction":         callCommit,
		"DELETE /api/transaction":      callRollBack,
		"GET /api/transaction/changes": callChanges,
	}[c.Method+" "+strings.TrimRight(c.Path, "/")]
	if !known {
		return callOther
	}
	return kind
}

// isCollection reports whether a path is that of a collection rather than an object (sps contract 2).
func isCollection(path string) bool {
	parts := strings.Split(strings.Trim(strings.TrimPrefix(path, configurationPath), "/"), "/")
	depth := 2
	if strings.HasPrefix(path, configurationPath+"aaa/local_database/") {
		depth = 3
	}
	return len(parts) <= depth
}

// tally counts calls by kind.
type tally map[string]int

func tallyOf(calls []fault.Call) tally { return tallyBy(calls, kindOf) }

func tallyBy(calls []fault.Call, kind func(fault.Call) string) tally {
	t := tally{}
	for _, c := range calls {
		t[kind(c)]++
	}
	return t
}

func (t tally) total() int {
	total := 0
	for _, n := range t {
		total += n
	}
	return total
}

func (t tally) String() string {
	if len(t) == 0 {
		return "none"
	}
	parts := make([]string, 0, len(t))
	for _, kind := range slices.Sorted(maps.Keys(t)) {
		parts = append(parts, fmt.Sprintf("%d %s", t[kind], kind))
	}
	return strings.Join(parts, ", ")
}

// lists counts how often each collection was listed.
func lists(calls []fault.Call) tally {
	t := tally{}
	for _, c := range calls {
		if kindOf(c) == callList {
			t[strings.Trim(strings.TrimPrefix(c.Path, configurationPath), "/")]++
		}
	}
	return t
}

// most is the largest count.
func (t tally) most() int {
	most := 0
	for _, n := range t {
		most = max(most, n)
	}
	return most
}

// writesOfTransactions counts the writes of each ended transaction, in order of their ends, like the appliance's hold
// times. Only one transaction at a time is open, because the operator has one committer.
func writesOfTransactions(calls []fault.Call) []int {
	var out []int
	n, open := 0, false
	for _, c := range calls {
		good := c.Status >= http.StatusOK && c.Status < http.StatusMultipleChoices
		switch kind := kindOf(c); {
		case kind == callOpen && good:
			n, open = 0, true
		case kind == callWrite && good:
			n++
		case open && good && (kind == callCommit || kind == callRollBack):
			out, open = append(out, n), false
		}
	}
	return out
}
