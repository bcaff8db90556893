// SPDX-License-Identifier: Apache-2.0

package session

import (
	"strings"
	"testing"

	"k8s.io/apimachinery/pkg/util/validation"
)

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
