// SPDX-License-Identifier: Apache-2.0

package groupcommit_test

import (
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"pgregory.net/rapid"
)

// words returns n different names in alphabetical order.
func words(n int) []string {
	names := make([]string, n)
	for i := range names {
		names[i] = fmt.Sprintf("n%04d", i)
	}
	return names
}

// maxCommits is what finding b bad changes among n may cost.
func maxCommits(n, b int) int {
	levels := 0
	for size := 1; size < n; size *= 2 {
		levels++
	}
	return 1 + 2*b*levels
}

func TestDividingCostsTheExpectedCommits(t *testing.T) {
	tests := map[string]struct {
		changes int
		bad     []int
		want    int
	}{
		"nothing bad is one commit":                   {changes: 8, want: 1},
		"a bad change alone is one commit":            {changes: 1, bad: []int{0}, want: 1},
		"two changes, the first bad, are the bound":   {changes: 2, bad: []int{0}, want: 3},
		"two changes, the second bad, are the bound":  {changes: 2, bad: []int{1}, want: 3},
		"the first of eight bad is the bound":         {changes: 8, bad: []int{0}, want: 7},
		"the last of eight bad is found by inference": {changes: 8, bad: []int{7}, want: 5},
		"all of four bad":                             {changes: 4, bad: []int{0, 1, 2, 3}, want: 7},
		"an odd number of changes":                    {changes: 5, bad: []int{2}, want: 4},
		"three bad ones among five hundred":           {changes: 500, bad: []int{7, 250, 499}, want: 40},
		"one bad one among a thousand":                {changes: 1000, bad: []int{0}, want: 19},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				names := words(tt.changes)
				var guilty []string
				for _, i := range tt.bad {
					guilty = append(guilty, names[i])
				}
				s := newStore()
				s.writeTime = time.Millisecond // so that all are one batch
				s.commit = refuses(guilty...)
				_, got := runBatch(t, s, strings.Join(names, " "), nil)
				if got.Commits != tt.want {
					t.Errorf("%d commits, want %d", got.Commits, tt.want)
				}
				if bound := maxCommits(tt.changes, len(tt.bad)); got.Commits > bound {
					t.Errorf("%d commits exceed the bound of %d", got.Commits, bound)
				}
				for _, name := range names {
					checkVerdict(t, s, name, strings.Contains(strings.Join(guilty, " "), name), got.Answers)
				}
			})
		})
	}
}

// checkVerdict checks that a change is committed once and answered so, or is refused and answered so.
func checkVerdict(t *testing.T, s *store, name string, guilty bool, answers string) {
	t.Helper()
	want, times := "ok", 1
	if guilty {
		want, times = "refused", 0
	}
	if s.committed[name] != times {
		t.Errorf("%s: committed %d times, want %d", name, s.committed[name], times)
	}
	if !strings.Contains(answers+";", name+": "+want+";") {
		t.Errorf("%s: not answered %q", name, want)
	}
}

func TestDividingNeverExceedsTheBound(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		marks := rapid.SliceOfN(rapid.IntRange(0, 9), 1, 70).Draw(rt, "marks")
		density := rapid.IntRange(0, 9).Draw(rt, "bad below")
		names := words(len(marks))
		var guilty []string
		for i, mark := range marks {
			if mark < density {
				guilty = append(guilty, names[i])
			}
		}
		var got result
		synctest.Test(t, func(t *testing.T) {
			s := newStore()
			s.commit = refuses(guilty...)
			_, got = runBatch(t, s, strings.Join(names, " "), nil)
		})
		if bound := maxCommits(len(names), len(guilty)); got.Commits > bound {
			rt.Fatalf("%d commits, at most %d are allowed", got.Commits, bound)
		}
		if good := len(names) - len(guilty); len(strings.Fields(got.Committed)) != good {
			rt.Fatalf("committed %q, want the %d good ones", got.Committed, good)
		}
		if refused := strings.Count(got.Answers, "refused"); refused != len(guilty) {
			rt.Fatalf("%d were answered with a refusal, want %d", refused, len(guilty))
		}
	})
}
