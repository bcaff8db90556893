// SPDX-License-Identifier: Apache-2.0

package main

import (
	"encoding/json"
	"encoding/xml"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// samplePolicy is the contract's sample, verbatim.
func samplePolicy(t *testing.T) map[string]any {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("..", "..", "internal", "sps", "testdata", "rdp_connection_6.0.4_put.json"))
	if err != nil {
		t.Fatal(err)
	}
	body := map[string]any{}
	if err := json.Unmarshal(text, &body); err != nil {
		t.Fatal(err)
	}
	return body
}

// The procedure that the operator is compared with must do what it claims.
func TestThePlainProcedureCommitsEveryObject(t *testing.T) {
	b := testBench(t, "-write-delay=1ms", "-commit-delay=1ms")
	defer func() {
		for _, closer := range b.closers {
			if err := closer(); err != nil {
				t.Error(err)
			}
		}
	}()
	a, err := startAppliance(t.Context(), b, b.asConfigured)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := plainRun(t.Context(), a, samplePolicy(t), 3); err != nil {
		t.Fatal(err)
	}
	got := a.Stats()
	if got.LogIns != 1 || got.TransactionsOpened != 3 || got.Commits != 3 || got.Writes != 3 || got.RollBacks != 0 {
		t.Errorf("%+v", got)
	}
	if n := len(a.Objects(policyCollection)); n != 3 {
		t.Errorf("%d objects", n)
	}
}

func TestThePlainProcedureStopsAtARefusal(t *testing.T) {
	b := testBench(t)
	a, err := startAppliance(t.Context(), b, b.asConfigured)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = b.closers[0]() }()
	if _, err := plainRun(t.Context(), a, map[string]any{}, 1); err == nil || !strings.Contains(err.Error(), "400") {
		t.Errorf("error %v, want the appliance's", err)
	}
}

func TestThePictureShowsBothSides(t *testing.T) {
	file := filepath.Join(t.TempDir(), "x.svg")
	r := report{options: testBench(t).options, measurements: measurements{
		oursEach: 0.024, plainEach: 2.03, holds: []hold{{22 * time.Second, 1000}, {7 * time.Second, 240}},
	}}
	if err := r.draw(file); err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if err := xml.Unmarshal(text, &struct{}{}); err != nil {
		t.Errorf("not XML: %v", err)
	}
	for _, want := range []string{"24.0 ms", "2030.0 ms", "plain, 40", "operator, 1000", "measured"} {
		if !strings.Contains(string(text), want) {
			t.Errorf("%q is not in the picture", want)
		}
	}
}
