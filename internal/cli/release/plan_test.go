// SPDX-License-Identifier: Apache-2.0

package release_test

import (
	"bytes"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
	"sigs.k8s.io/yaml"

	pamv1alpha1 "github.com/pam-operator/pam-operator/api/v1alpha1"
	"github.com/pam-operator/pam-operator/internal/cli/cluster"
	"github.com/pam-operator/pam-operator/internal/cli/printer"
	"github.com/pam-operator/pam-operator/internal/cli/release"
	"github.com/pam-operator/pam-operator/internal/kinds"
	"github.com/pam-operator/pam-operator/test/builder"
)

func objects() []kinds.Object {
	through := builder.Connection("sps-prod", "")
	live := builder.ActivitySession("live", builder.Connection("nps-prod", ""))
	live.Status.Phase, live.Status.SessionID = pamv1alpha1.SessionActive, "4711"
	over := builder.ActivitySession("over", builder.Connection("nps-prod", ""))
	over.Status.Phase, over.Status.SessionID = pamv1alpha1.SessionCompleted, "4710"
	return []kinds.Object{
		builder.SPSConnection("sps-prod"), live, over, builder.RDPConnectionPolicy("a", through),
		builder.RDPConnectionPolicy("b", through), builder.LocalUser("alice", through),
		builder.LocalUserGroup("staff", through), builder.SessionTermination("st", "x", through),
	}
}

func TestThePlanSaysWhatBecomesOfEverything(t *testing.T) {
	t.Parallel()
	for _, width := range []int{80, 120} {
		var out bytes.Buffer
		release.New(objects(), true, "").Print(&out, printer.Screen{Width: width, Cut: true})
		for _, part := range []string{
			"2 RDPConnectionPolicies", "stays on the appliance as it is", "live: --sessions=end or --sessions=k",
			"live session 4711 of as/live", "only the record goes",
		} {
			if !strings.Contains(out.String(), part) {
				t.Errorf("it does not say %q:\n%s", part, out.String())
			}
		}
		for line := range strings.Lines(out.String()) {
			if utf8.RuneCountInString(strings.TrimSuffix(line, "\n")) > width {
				t.Errorf("too wide: %q", line)
			}
		}
	}
}

func TestConnectionsGoLast(t *testing.T) {
	t.Parallel()
	var got []string
	for _, o := range release.New(objects(), true, "").Objects {
		got = append(got, cluster.RefOf(o).String())
	}
	if last := got[len(got)-1]; last != "spsc/sps-prod" {
		t.Errorf("the last is %s of %v", last, got)
	}
	if slices.Index(got, "lug/staff") > slices.Index(got, "lu/alice") {
		t.Errorf("a user goes before the group that has it: %v", got)
	}
}

func TestSessionsNeedADecisionThatCanBeCarriedOut(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		manager  bool
		sessions string
		want     string
	}{
		"nobody said":                  {true, "", "1 session is live: say what happens"},
		"ended by the manager":         {true, release.End, ""},
		"kept":                         {true, release.Keep, ""},
		"kept without a manager":       {false, release.Keep, ""},
		"nobody is there to end them":  {false, release.End, "no manager runs, so nobody can end sessions: end 4711"},
		"nobody said, and nobody runs": {false, "", "1 session is live"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			err := release.New(objects(), c.manager, c.sessions).Check()
			if (err == nil) != (c.want == "") || err != nil && !strings.Contains(err.Error(), c.want) {
				t.Errorf("%v, want %q", err, c.want)
			}
		})
	}
}

func TestSessionsAreNotKeptWhereAManagerWouldEndThem(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		grants  []pamv1alpha1.Grant
		manager bool
		refused bool
	}{
		"no grants bind them":                   {nil, true, false},
		"no grant allows it":                    {[]pamv1alpha1.Grant{{Namespaces: []string{"a"}}}, true, true},
		"a grant allows it":                     {[]pamv1alpha1.Grant{{}, {Keep: new(true)}}, true, false},
		"nobody is there who would end them":    {[]pamv1alpha1.Grant{{}}, false, false},
		"a grant says that it does not do that": {[]pamv1alpha1.Grant{{Keep: new(false)}}, true, true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			conn := builder.NPSConnection("nps", builder.Grants(c.grants...))
			session := builder.ActivitySession("s", builder.Connection("nps", ""))
			session.Status.Phase, session.Status.SessionID = pamv1alpha1.SessionActive, "4711"
			err := release.New([]kinds.Object{session, conn}, c.manager, release.Keep).Check()
			if (err != nil) != c.refused || err != nil && !strings.Contains(err.Error(), "the manager would end session 4711") {
				t.Error(err)
			}
		})
	}
}

func TestARecordBringsBackWhatPeopleWrote(t *testing.T) {
	t.Parallel()
	user := builder.LocalUser("alice", builder.Annotation("example.com/note", "kept"),
		builder.Annotation(pamv1alpha1.AnnotationReconcileRequestedAt, "now"), builder.Label("team", "a"))
	user.UID, user.Status.Key, user.Finalizers = "u", "k", []string{pamv1alpha1.Finalizer}
	file := filepath.Join(t.TempDir(), "record.yaml")
	if err := release.Record(file, []kinds.Object{builder.ActivitySession("s"), user}); err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var got map[string]any
	if err := yaml.Unmarshal(text, &got); err != nil {
		t.Fatal(err)
	}
	want := map[string]any{
		"apiVersion": "pam-operator.io/v1alpha1", "kind": "LocalUser",
		"metadata": map[string]any{
			"name": "alice", "namespace": user.Namespace, "labels": map[string]any{"team": "a"},
			"annotations": map[string]any{"example.com/note": "kept"},
		},
		"spec": map[string]any{"connectionRef": map[string]any{"name": user.Spec.ConnectionRef.Name}},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
	if release.Record(file, nil) == nil {
		t.Error("a file that is there is overwritten")
	}
}
