// SPDX-License-Identifier: Apache-2.0

package export

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"k8s.io/apimachinery/pkg/util/validation"
	"pgregory.net/rapid"

	"github.com/pam-operator/pam-operator/internal/kinds"
	"github.com/pam-operator/pam-operator/internal/sps"
)

var policies, _ = kinds.Named(kinds.RDPConnectionPolicy)

// recordsOf are records whose key is their name, so that a table reads well.
func recordsOf(names ...string) []sps.Record {
	out := make([]sps.Record, 0, len(names))
	for _, name := range names {
		out = append(out, sps.Record{Key: name, Name: name})
	}
	return out
}

func TestNamesInKubernetes(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("ab", 120)
	for what, c := range map[string]struct {
		names []string
		there existing
		want  map[string]string
	}{
		"a name that is valid": {[]string{"rdp-demo", "e.f", long[:60]}, existing{},
			map[string]string{"rdp-demo": "rdp-demo", "e.f": "e.f", long[:60]: long[:60]}},
		"another spelling": {[]string{"RDP Demo", " rdp__finance ", "Übergang", "a/b"}, existing{},
			map[string]string{"RDP Demo": "rdp-demo", " rdp__finance ": "rdp-finance", "Übergang": "ubergang", "a/b": "a-b"}},
		"letters that ASCII does not have": {
			[]string{
				"Größe Süd", "GROẞ", "Jörg Weiß", "Jo\u0308rg", "Łódź", "Ærø", "Иван", "日本", "Αθήνα", "ﬁle №2",
			}, existing{},
			map[string]string{
				"Größe Süd": "grosse-sud", "GROẞ": "gross", "Jörg Weiß": "jorg-weiss", "Jo\u0308rg": "jorg", "Łódź": "lodz",
				"Ærø": "aero", "Иван": "ivan", "日本": "ri-ben", "Αθήνα": "athena", "ﬁle №2": "file-no2",
			}},
		"a clash": {[]string{"Demo", "demo", "DEMO"}, existing{},
			map[string]string{"demo": "demo", "DEMO": "demo-2", "Demo": "demo-3"}},
		"nothing that Kubernetes allows": {[]string{"🔑"}, existing{},
			map[string]string{"🔑": "rdpconnectionpolicy-c5c75521"}},
		"a name that is too long": {[]string{strings.Repeat("A", 253), long, long + "c"}, existing{},
			map[string]string{strings.Repeat("A", 253): strings.Repeat("a", 47) + "-a30cab87", long: long[:47] + "-571e8022",
				long + "c": long[:47] + "-1b436b98"}},
		"an object that is there": {[]string{"Finance"}, existing{names: map[string]string{"Finance": "money"},
			taken: map[string]bool{"money": true}}, map[string]string{"Finance": "money"}},
		"a name that something else has": {[]string{"finance", "Money"}, existing{taken: map[string]bool{
			"finance": true, "money": true, "money-2": true}}, map[string]string{"finance": "finance-2", "Money": "money-3"}},
	} {
		t.Run(what, func(t *testing.T) {
			t.Parallel()
			if diff := cmp.Diff(c.want, c.there.name(policies, recordsOf(c.names...))); diff != "" {
				t.Errorf("-want +got\n%s", diff)
			}
			slices.Reverse(c.names)
			if diff := cmp.Diff(c.want, c.there.name(policies, recordsOf(c.names...))); diff != "" {
				t.Errorf("in another order: -want +got\n%s", diff)
			}
		})
	}
}

// Whatever an appliance has, each object gets a valid name of its own, and a file name of its own.
func TestNamesAreValidAndUnique(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		names := rapid.SliceOfDistinct(rapid.OneOf(rapid.String(), rapid.StringMatching(`[a-zA-Z ._é-]{1,4}`),
			rapid.StringMatching(`[a-z]{250,260}`)), rapid.ID[string]).Draw(t, "names")
		taken := map[string]bool{}
		for _, name := range rapid.SliceOf(rapid.StringMatching(`[a-z]{1,3}`)).Draw(t, "taken") {
			taken[name] = true
		}
		used, files := map[string]bool{}, map[string]bool{}
		for record, name := range (existing{taken: taken}).name(policies, recordsOf(names...)) {
			file := fileName(policies, name)
			if taken[name] || used[name] || files[file] {
				t.Fatalf("%q becomes %q, %q, which something else has", record, name, file)
			}
			used[name], files[file] = true, true
			if len(name) > maxName {
				t.Fatalf("%q becomes %q, which is %d long", record, name, len(name))
			}
			if problems := append(validation.IsDNS1123Subdomain(name), validation.IsConfigMapKey(file)...); len(problems) > 0 {
				t.Fatalf("%q becomes %q, %q: %v", record, name, file, problems)
			}
		}
		if len(used) != len(names) {
			t.Fatalf("%d names for %d objects", len(used), len(names))
		}
	})
}
