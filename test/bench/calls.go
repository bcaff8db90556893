// SPDX-License-Identifier: Apache-2.0

package main

import (
	"cmp"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/pam-operator/pam-operator/internal/simulator/fault"
	"github.com/pam-operator/pam-operator/internal/simulator/sps"
)

// Paths of an appliance and of a server.
const (
	configurationPath = "/api/configuration/"
	transactionPath   = "/api/transaction"
	infoPath          = "/api/info"
	listPath          = "/api/v1/ActivitySession/MySummaryByStatus/"
)

// tally counts by name.
type tally map[string]int

func (t tally) total() (total int) {
	for _, n := range t {
		total += n
	}
	return total
}

// most is the largest count.
func (t tally) most() (most int) {
	for _, n := range t {
		most = max(most, n)
	}
	return most
}

// minus is what has been added since before.
func (t tally) minus(before tally) tally {
	out := tally{}
	for name, n := range t {
		if n > before[name] {
			out[name] = n - before[name]
		}
	}
	return out
}

func (t tally) String() string {
	parts := make([]string, 0, len(t))
	for _, name := range slices.Sorted(maps.Keys(t)) {
		parts = append(parts, fmt.Sprintf("%d %s", t[name], name))
	}
	return strings.Join(parts, ", ")
}

// tallyBy counts calls by a name; those without a name are left out.
func tallyBy(calls []fault.Call, name func(fault.Call) string) tally {
	t := tally{}
	for _, c := range calls {
		if name := name(c); name != "" {
			t[name]++
		}
	}
	return t
}

func methodAndPath(c fault.Call) string { return c.Method + " " + c.Path }

// collection is which collection of an appliance a call lists, such as "rdp/connections".
func collection(c fault.Call) string {
	path, ok := strings.CutPrefix(c.Path, configurationPath)
	path = strings.Trim(path, "/")
	if !ok || c.Method != http.MethodGet || strings.Count(path, "/") != 1 {
		return ""
	}
	return path
}

// page is which page of which list of a server a call reads.
func page(c fault.Call) string {
	list, ok := strings.CutPrefix(c.Path, listPath)
	if !ok {
		return ""
	}
	query, err := url.ParseQuery(c.Query)
	if err != nil {
		query = url.Values{}
	}
	return list + " from " + cmp.Or(query.Get("skip"), "0")
}

// refusedHolds is how long each transaction without a commit locked the configuration, of those after the first n. The
// appliance records the ends of transactions and the calls that ended them in the same order.
func refusedHolds(a *sps.Appliance, n int) (refused []time.Duration) {
	holds, i := a.Stats().HoldTimes, 0
	for _, c := range a.Faults().Calls() {
		if c.Path != transactionPath || c.Status >= http.StatusMultipleChoices || i >= len(holds) ||
			c.Method != http.MethodPut && c.Method != http.MethodDelete {
			continue
		}
		if i >= n && c.Method == http.MethodDelete {
			refused = append(refused, holds[i])
		}
		i++
	}
	return refused
}
