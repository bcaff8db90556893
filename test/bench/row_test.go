// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"io"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func TestARowHoldsUpToItsLimit(t *testing.T) {
	b := newBench(options{}, "x", io.Discard)
	tests := map[string]struct {
		row   row
		share float64
		holds string
	}{
		"below":                   {b.judge("", 1, 2, plain, "", ""), 0.5, "yes"},
		"at the limit":            {b.judge("", 2, 2, plain, "", ""), 1, "yes"},
		"above":                   {b.judge("", 3, 2, plain, "", ""), 1.5, "NO"},
		"nothing where none may":  {b.judge("", 0, 0, plain, "", ""), 0, "yes"},
		"something where none is": {b.judge("", 1, 0, plain, "", ""), math.Inf(1), "NO"},
		"twice the time alone":    {b.times("", 2050*time.Millisecond, time.Second, 2), 1, "yes"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			if got := tt.row.Holds(); tt.row.Share != tt.share || got != tt.holds {
				t.Errorf("%v, %s; want %v, %s", tt.row.Share, got, tt.share, tt.holds)
			}
		})
	}
	if r := b.broken(io.ErrUnexpectedEOF); r.Holds() != "NO" {
		t.Errorf("what was not measured holds: %+v", r)
	}
}

func TestQuantileIsAMeasuredValue(t *testing.T) {
	values := []int{5, 1, 4, 2, 3}
	for q, want := range map[float64]int{0: 1, 0.5: 3, 0.99: 5, 1: 5} {
		if got := quantile(values, q); got != want {
			t.Errorf("%v: %d, want %d", q, got, want)
		}
	}
	if got := quantile([]int{}, 0.5); got != 0 {
		t.Errorf("of nothing: %d", got)
	}
}

func TestOnlyARunOfEverythingWritesThePage(t *testing.T) {
	root := t.TempDir()
	if err := os.Mkdir(filepath.Join(root, "docs"), 0o750); err != nil {
		t.Fatal(err)
	}
	b := newBench(options{root: root, scale: 1}, "x", io.Discard)
	r := report{options: b.options, Rows: []row{b.judge("a|b", 3, 2, plain, "", ""), b.broken(io.ErrUnexpectedEOF)}}
	for _, all := range []bool{false, true} {
		r.all = all
		var screen bytes.Buffer
		if err := r.publish(&screen); err != nil {
			t.Fatal(err)
		}
		text, err := os.ReadFile(filepath.Join(root, "docs", "benchmarks.md"))
		if (err == nil) != all {
			t.Fatalf("all %t: %v", all, err)
		}
		if all && !strings.Contains(string(text), `| x | a\|b | 3 | 2 | 1.50 | NO |`) {
			t.Errorf("no such row in\n%s", text)
		}
	}
	if picture, err := os.ReadFile(filepath.Join(root, "docs", "benchmarks.svg")); err != nil ||
		!bytes.Contains(picture, []byte("x: a|b")) {
		t.Errorf("the picture: %v", err)
	}
}

func TestPickKeepsTheOrderOfTheTable(t *testing.T) {
	got, err := pick("idle,apply")
	if err != nil || len(got) != 2 || got[0].name != "apply" {
		t.Errorf("%v, %v", got, err)
	}
	if _, err := pick("none"); err == nil {
		t.Error("an unknown scenario is accepted")
	}
}

func TestTheMemoryLimitIsThatOfTheDeployment(t *testing.T) {
	text, err := os.ReadFile("../../config/manager/manager.yaml")
	if err != nil {
		t.Fatal(err)
	}
	if memoryLimit != "536870912" || !bytes.Contains(text, []byte("limits: {memory: 512Mi}")) {
		t.Error("config/manager has another limit")
	}
}
