// SPDX-License-Identifier: Apache-2.0

package session

import (
	"strings"
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/util/validation"
)

func TestATimeOfDayIsTheNextOne(t *testing.T) {
	t.Parallel()
	noon := time.Date(2026, 8, 20, 12, 0, 0, 0, time.UTC)
	for text, want := range map[string]time.Time{
		"13:30":                noon.Add(90 * time.Minute),
		"11:00":                noon.Add(23 * time.Hour),
		"2026-08-21T09:00:00Z": noon.Add(21 * time.Hour),
	} {
		if got, err := parseTime(text, noon); err != nil || !got.Equal(want) {
			t.Errorf("%s is %s: %v", text, got, err)
		}
	}
	for _, text := range []string{"", "soon", "25:00", "12"} {
		if _, err := parseTime(text, noon); err == nil || !strings.Contains(err.Error(), "such as 15:04") {
			t.Errorf("%q: %v", text, err)
		}
	}
}

func FuzzEveryActivityGivesAName(f *testing.F) {
	for _, seed := range []string{"Linux root", "", "---", "ÄÖÜ", strings.Repeat("long ", 40), "a_b.c/d"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, activity string) {
		name := slug(activity) + "-x7k2p"
		if problems := validation.IsDNS1123Label(name); len(problems) > 0 {
			t.Errorf("%q gives %q: %v", activity, name, problems)
		}
	})
}

func TestAGUIDIsAnIDAndAnythingElseAName(t *testing.T) {
	t.Parallel()
	const guid = "43a54a6d-1ba3-4b98-a2eb-552e03c60766"
	if got := nameOrID(guid); got.ID != guid || got.Name != "" {
		t.Errorf("%+v", got)
	}
	if got := nameOrID(guid + "0"); got.ID != "" || got.Name == "" {
		t.Errorf("%+v", got)
	}
}
