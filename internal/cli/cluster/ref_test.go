// SPDX-License-Identifier: Apache-2.0

package cluster_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/pam-operator/pam-operator/internal/cli/cluster"
	"github.com/pam-operator/pam-operator/internal/kinds"
)

func TestReferencesAreReadAsPeopleTypeThem(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		args    []string
		want    []string
		problem string
	}{
		"a short name and a name":          {[]string{"rdpcp/a"}, []string{"rdpcp/a"}, ""},
		"several":                          {[]string{"lu/a", "lug/b"}, []string{"lu/a", "lug/b"}, ""},
		"twice the same":                   {[]string{"lu/a", "localuser/a"}, []string{"lu/a"}, ""},
		"a kind, and names behind it":      {[]string{"lu", "a", "b"}, []string{"lu/a", "lu/b"}, ""},
		"a kind alone":                     {[]string{"LocalUsers"}, []string{"localusers"}, ""},
		"what --output=name prints":        {[]string{"localuser.pam-operator.io/a"}, []string{"lu/a"}, ""},
		"with the version":                 {[]string{"localusers.v1alpha1.pam-operator.io/a"}, []string{"lu/a"}, ""},
		"any case":                         {[]string{"RDPConnectionPolicy/a"}, []string{"rdpcp/a"}, ""},
		"a kind that was almost typed":     {[]string{"localuesr/a"}, nil, "did you mean localuser?"},
		"a kind that nobody knows":         {[]string{"deployments/a"}, nil, "the kinds are spsconnections (spsc), "},
		"no name behind the slash":         {[]string{"lu/"}, nil, "write lu/NAME"},
		"no kind before the slash":         {[]string{"/a"}, nil, `there is no kind ""`},
		"a name that is none":              {[]string{"lu/A_b"}, nil, `"A_b" is not the name of an object`},
		"a second slash belongs to a name": {[]string{"lu/a/b"}, nil, `"a/b" is not the name of an object`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			refs, err := cluster.ParseRefs(c.args, "here")
			if c.problem != "" {
				if err == nil || !strings.Contains(err.Error(), c.problem) {
					t.Errorf("got %v, want %q", err, c.problem)
				}
				return
			}
			var got []string
			for _, ref := range refs {
				got = append(got, ref.String())
				if ref.Namespace != "here" {
					t.Errorf("%s is in %q", ref, ref.Namespace)
				}
			}
			if diff := cmp.Diff(c.want, got); diff != "" || err != nil {
				t.Errorf("%v (-want +got)\n%s", err, diff)
			}
		})
	}
}

func FuzzNoArgumentIsTakenForAnotherOne(f *testing.F) {
	for _, seed := range []string{"lu/a", "lu", "rdpcp/", "/", "lu/../x", "\x00", "LU.x.y/z"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, arg string) {
		refs, err := cluster.ParseRefs([]string{arg}, "here")
		if err != nil {
			return
		}
		if len(refs) != 1 || refs[0].Kind.Name == "" {
			t.Fatalf("%q is %v", arg, refs)
		}
		if again, err := cluster.ParseRefs([]string{refs[0].String()}, "here"); err != nil || again[0].ID() != refs[0].ID() {
			t.Errorf("%q is %s, which is %v: %v", arg, refs[0], again, err)
		}
	})
}

func TestTheFullNameIsWhatKubectlUnderstands(t *testing.T) {
	t.Parallel()
	for _, kind := range kinds.All() {
		ref := cluster.Ref{Kind: kind, Namespace: "here", Name: "a"}
		again, err := cluster.ParseRefs([]string{ref.FullName()}, "here")
		if err != nil || again[0].ID() != ref.ID() {
			t.Errorf("%s: %v", ref.FullName(), err)
		}
	}
}
