// SPDX-License-Identifier: Apache-2.0

package main

import (
	"errors"
	"io"
	"strings"
	"testing"
	"time"
)

func testBench(t *testing.T, arguments ...string) *bench {
	t.Helper()
	o, err := parse(arguments, io.Discard)
	if err != nil {
		t.Fatal(err)
	}
	return &bench{options: o, progress: newProgress(io.Discard, "name"), measurements: &measurements{}}
}

func TestAtMost(t *testing.T) {
	tests := map[string]struct {
		measured, most int
		verdict        verdict
		ratio          string
	}{
		"below the budget":        {5, 10, holds, "0.50"},
		"the budget itself":       {10, 10, holds, "1.00"},
		"above the budget":        {11, 10, missed, "1.10"},
		"nothing, if that is all": {0, 0, holds, ""},
		"something for nothing":   {1, 0, missed, ""},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			r := atMost(testBench(t), limit[int]{what: "x", measured: tt.measured, most: tt.most, show: number})
			if r.verdict != tt.verdict || r.ratio != tt.ratio {
				t.Errorf("holds %q, ratio %q; want %q, %q", r.verdict, r.ratio, tt.verdict, tt.ratio)
			}
		})
	}
}

func TestTheTableIsAligned(t *testing.T) {
	var text strings.Builder
	writeTable(&text, []row{
		{"apply", "1,000 policies", "≤ 5 s", "4.00 s", "0.80", holds}, {"idle", "told", "", "1", "", noBudget},
	})
	const want = "scenario  what            budget  measured  ratio  holds\n" +
		"apply     1,000 policies  ≤ 5 s   4.00 s    0.80   yes\n" +
		"idle      told                    1\n"
	if text.String() != want {
		t.Errorf("got\n%swant\n%s", text.String(), want)
	}
}

func TestTheMarkdownTable(t *testing.T) {
	got := markdownTable([]row{{"apply", "a | b", "≤ 1", "2", "2.00", missed}})
	const want = "| scenario | what | budget | measured | ratio | holds |\n|---|---|---|---|---|---|\n" +
		"| apply | a \\| b | ≤ 1 | 2 | 2.00 | NO |\n"
	if got != want {
		t.Errorf("got\n%swant\n%s", got, want)
	}
	if columns[0] != "scenario" {
		t.Errorf("the headings were changed: %q", columns)
	}
}

func TestTheDocumentSaysWhatDoesNotHold(t *testing.T) {
	r := report{options: testBench(t).options, rows: []row{{verdict: missed}, {verdict: holds}}}
	for _, want := range []string{"**1 budgets do not hold**", "| CPU | ", "a write takes 20ms and a commit 2s"} {
		if !strings.Contains(string(r.markdown()), want) {
			t.Errorf("%q is not in\n%s", want, r.markdown())
		}
	}
}

func TestCommitBudget(t *testing.T) {
	tests := map[string]struct{ n, bad, want int }{
		"the row of the design":        {500, 3, 1 + 2*3*9},
		"a power of two needs no more": {512, 1, 1 + 2*9},
		"one more than that does":      {513, 1, 1 + 2*10},
		"one change is committed once": {1, 1, 1},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			if got := commitBudget(tt.n, tt.bad); got != tt.want {
				t.Errorf("got %d, want %d", got, tt.want)
			}
		})
	}
}

func TestPoisonedPoliciesAreAsManyAsAskedFor(t *testing.T) {
	for name, arguments := range map[string][]string{
		"as the design has it": nil, "not evenly": {"-changes=10", "-refused=4"}, "all": {"-changes=3", "-refused=3"},
	} {
		t.Run(name, func(t *testing.T) {
			b, bad := testBench(t, arguments...), 0
			for i := range b.changes {
				if strings.HasPrefix(b.poisonedPolicy(i).GetName(), refusedPrefix) {
					bad++
				}
			}
			if bad != b.refused {
				t.Errorf("%d bad ones, want %d", bad, b.refused)
			}
		})
	}
}

func TestLongestHold(t *testing.T) {
	b := testBench(t)
	within := []hold{{6 * time.Second, 200}, {7 * time.Second, 249}}
	if r := b.longestHold(within, 5*time.Second); r.verdict != holds {
		t.Errorf("7s of 5s + 2s does not hold: %+v", r)
	}
	if r := b.longestHold(append(within, hold{7*time.Second + 1, 249}), 5*time.Second); r.verdict != missed {
		t.Errorf("more than 5s + 2s holds: %+v", r)
	}
}

func TestABrokenScenarioHoldsNoBudget(t *testing.T) {
	r := testBench(t).broken(errors.New("the manager ended; the end of its log:\nlines"))
	if r.verdict != missed || r.measured != "the manager ended" {
		t.Errorf("%+v", r)
	}
}
