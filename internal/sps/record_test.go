// SPDX-License-Identifier: Apache-2.0

package sps_test

import (
	"fmt"
	"net/http"
	"runtime"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/pam-operator/pam-operator/internal/sps"
)

// TestARecordIsAsItWasMade also proves that changes to a decoded object do not affect its record.
func TestARecordIsAsItWasMade(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		want := bodies().Draw(t, "body")
		record, err := sps.NewRecord("k", want)
		if err != nil {
			t.Fatal(err)
		}
		for range 2 {
			got, err := record.Object()
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(sps.Object{Key: "k", Body: want}, got); diff != "" {
				t.Fatalf("object (-want +got):\n%s", diff)
			}
			if got.Name() != record.Name {
				t.Fatalf("name %q, want %q", record.Name, got.Name())
			}
			spoil(got.Body)
		}
	})
}

// spoil writes into every object of a value.
func spoil(value any) {
	switch v := value.(type) {
	case sps.Body:
		spoil(map[string]any(v))
	case map[string]any:
		for _, member := range v {
			spoil(member)
		}
		v["spoilt"] = true
	case []any:
		for i, element := range v {
			spoil(element)
			v[i] = "spoilt"
		}
	}
}

// numbered is the policy of the guide, varied as real policies differ.
func numbered(tb testing.TB, i int) sps.Body {
	tb.Helper()
	body := sample(tb).Body
	body["name"] = fmt.Sprintf("rdp-%05d", i)
	network, ok := body["network"].(map[string]any)
	if !ok {
		tb.Fatalf("the network is %v", body["network"])
	}
	network["targets"] = []any{fmt.Sprintf("172.16.%d.%d/32", i/256, i%256)}
	return body
}

// listOf is an answer of the appliance.
func listOf(tb testing.TB, n int) string {
	tb.Helper()
	list := make([]string, 0, n)
	for i := range n {
		list = append(list, object(fmt.Sprintf("-%d", i), encode(numbered(tb, i))))
	}
	return `{"items":[` + strings.Join(list, ",") + `]}`
}

// TestARecordTakesWhatItSays runs alone, since it measures the heap.
func TestARecordTakesWhatItSays(t *testing.T) { //nolint:paralleltest // see above
	const n = 2000
	a := newAppliance(t)
	a.on("GET /api/configuration/rdp/connections", reply(http.StatusOK, listOf(t, n)))
	client := a.client(nil)
	before := heap()
	records, err := client.List(t.Context(), sps.RDPConnections)
	if err != nil || len(records) != n {
		t.Fatalf("%d records, %v", len(records), err)
	}
	if each, says := (heap()-before)/n, records[n-1].Size(); each > says+says/10 { // the heap rounds up
		t.Errorf("a record takes %d bytes, and says %d", each, says)
	}
	for i, r := range records {
		o, err := r.Object()
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(numbered(t, i), o.Body); diff != "" {
			t.Fatalf("record %d (-want +got):\n%s", i, diff)
		}
	}
}

// heap returns the heap in use, in bytes.
func heap() int64 {
	var stats runtime.MemStats
	runtime.GC()
	runtime.GC()
	runtime.ReadMemStats(&stats)
	return int64(stats.HeapAlloc) //nolint:gosec // G115: less than the memory of any machine
}
