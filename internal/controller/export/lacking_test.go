// SPDX-License-Identifier: Apache-2.0

package export

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/pam-operator/pam-operator/internal/controller/policy"
	"github.com/pam-operator/pam-operator/internal/sps"
)

func TestWhatManyObjectsLackIsOneEntry(t *testing.T) {
	t.Parallel()
	l := &lacking{}
	for i := range 30 {
		record := sps.Record{Key: fmt.Sprint(i), Name: fmt.Sprintf("policy-%02d", i)}
		l.add(policies, record, []policy.Missing{
			{Field: "log_level", Reason: "no field"},
			{Field: "network.clients[0]", Reason: "no address"}, {Field: "network.clients[7]", Reason: "no address"},
		})
	}
	l.add(policies, sps.Record{Key: "k"}, []policy.Missing{{Reason: "no name"}})
	l.add(policies, sps.Record{Key: "fine", Name: "fine"}, nil)
	listed, more := l.entries()
	var got []string
	for _, entry := range listed {
		got = append(got, fmt.Sprintf("%q %d %d %s", entry.Field, *entry.Count, len(entry.Names), entry.Names[0]))
	}
	if diff := cmp.Diff([]string{
		`"" 1 1 key k`, `"log_level" 30 20 policy-00`, `"network.clients" 30 20 policy-00`,
	}, got); diff != "" || more != nil {
		t.Errorf("more: %v, -want +got\n%s", more, diff)
	}
	if whole, partly := l.counts(); whole != 1 || partly != 30 {
		t.Errorf("%d are not exported, %d are exported in part", whole, partly)
	}
}

// An appliance decides what its members are called, and how many there are.
func TestWhatIsListedIsBounded(t *testing.T) {
	t.Parallel()
	l := &lacking{}
	for i := range maxGroups + 5 {
		l.add(policies, sps.Record{Key: fmt.Sprint(i), Name: strings.Repeat("n", 1000)}, []policy.Missing{
			{Field: fmt.Sprint(strings.Repeat("f", 1000), i), Reason: strings.Repeat("r", 1000)},
			{Field: fmt.Sprint(i), Reason: "no field"},
		})
	}
	listed, more := l.entries()
	if len(listed) != maxEntries || more == nil || int(*more) < maxGroups-maxEntries || len(l.groups) > maxGroups {
		t.Errorf("%d entries, %v more, %d remembered", len(listed), more, len(l.groups))
	}
	for _, entry := range listed {
		if len(entry.Field) > maxFieldShown || len(entry.Reason) > maxReason || len(entry.Names[0]) > maxNameShown {
			t.Fatalf("%d, %d, %d bytes", len(entry.Field), len(entry.Reason), len(entry.Names[0]))
		}
	}
}
