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

func mustRecord(tb testing.TB, key string, body sps.Body) sps.Record {
	tb.Helper()
	r, err := sps.NewRecord(key, body)
	if err != nil {
		tb.Fatal(err)
	}
	return r
}

// sharingProperties holds records that share against the bodies that they were made of.
func sharingProperties(t *rapid.T) {
	want := rapid.SliceOfN(bodies(), 0, 6).Draw(t, "bodies")
	records := make([]sps.Record, 0, len(want))
	for i, body := range want {
		r, err := sps.NewRecord(fmt.Sprint("k", i), body)
		if err != nil {
			t.Fatal(err)
		}
		records = append(records, r)
		if rapid.Bool().Draw(t, "shares early") { // later ones then meet a pattern that is there already
			sps.Share(records)
		}
	}
	sps.Share(records)
	for i, body := range want {
		got := records[i].Object()
		if diff := cmp.Diff(body, got.Body); diff != "" {
			t.Fatalf("body %d of %v (-want +got):\n%s", i, want, diff)
		}
		if got.Key != fmt.Sprint("k", i) || got.Name() != records[i].Name {
			t.Fatalf("%d is %q %q, with the name %q", i, got.Key, records[i].Name, got.Name())
		}
		spoil(got.Body)
	}
	for i, body := range want {
		if diff := cmp.Diff(body, records[i].Object().Body); diff != "" {
			t.Fatalf("body %d changed with what was made of it (-want +got):\n%s", i, diff)
		}
	}
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

func TestSharingProperties(t *testing.T) { rapid.Check(t, sharingProperties) }

func FuzzSharing(f *testing.F) { f.Fuzz(rapid.MakeFuzz(sharingProperties)) }

func TestSharingKeepsWhatHasNoBody(t *testing.T) {
	t.Parallel()
	records := []sps.Record{{Key: "k1"}, mustRecord(t, "k2", nil), mustRecord(t, "k3", sps.Body{}), {Key: "k4"}}
	sps.Share(records)
	want := []sps.Object{{Key: "k1"}, {Key: "k2"}, {Key: "k3", Body: sps.Body{}}, {Key: "k4"}}
	if diff := cmp.Diff(want, decoded(records)); diff != "" {
		t.Errorf("objects (-want +got):\n%s", diff)
	}
}

// numbered is a policy as the guide shows it, which differs from others of its kind as policies do.
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

// maxRecord is what one record of many may take, in bytes. As text it takes seven times as much.
const maxRecord = 400

// TestManyRecordsAreSmall runs alone, since it measures the heap.
func TestManyRecordsAreSmall(t *testing.T) { //nolint:paralleltest // see above
	const n = 2000
	a := newAppliance(t)
	a.on("GET /api/configuration/rdp/connections", reply(http.StatusOK, listOf(t, n)))
	client := a.client(nil)
	before := heap()
	records, err := client.List(t.Context(), sps.RDPConnections)
	if err != nil || len(records) != n {
		t.Fatalf("%d records, %v", len(records), err)
	}
	if each := (heap() - before) / n; each > maxRecord {
		t.Errorf("a record takes %d bytes, more than %d", each, maxRecord)
	}
	for i, r := range records {
		if diff := cmp.Diff(numbered(t, i), r.Object().Body); diff != "" {
			t.Fatalf("record %d (-want +got):\n%s", i, diff)
		}
	}
}

// heap is what is in use, in bytes.
func heap() int64 {
	var stats runtime.MemStats
	runtime.GC()
	runtime.GC()
	runtime.ReadMemStats(&stats)
	return int64(stats.HeapAlloc) //nolint:gosec // G115: less than the memory of any machine
}

func BenchmarkRecords(b *testing.B) {
	const n = 1000
	bodies := make([]sps.Body, n)
	for i := range bodies {
		bodies[i] = numbered(b, i)
	}
	for name, shared := range map[string]bool{"as text": false, "shared": true} {
		b.Run(name, func(b *testing.B) {
			var kept [][]sps.Record
			before := heap()
			for b.Loop() {
				records := make([]sps.Record, 0, n)
				for i, body := range bodies {
					records = append(records, mustRecord(b, fmt.Sprint(-i), body))
				}
				if shared {
					sps.Share(records)
				}
				kept = append(kept, records)
			}
			b.ReportMetric(float64(heap()-before)/float64(len(kept)*n), "B/record")
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(len(kept)*n), "ns/record")
			runtime.KeepAlive(kept)
		})
	}
}
