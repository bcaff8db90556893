// SPDX-License-Identifier: Apache-2.0

package overview_test

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	pamv1alpha1 "github.com/pam-operator/pam-operator/api/v1alpha1"
	"github.com/pam-operator/pam-operator/internal/cli/cluster"
	"github.com/pam-operator/pam-operator/internal/cli/overview"
	"github.com/pam-operator/pam-operator/internal/cli/printer"
	"github.com/pam-operator/pam-operator/internal/kinds"
	"github.com/pam-operator/pam-operator/test/builder"
)

var update = flag.Bool("update", false, "rewrite the golden files")

var noon = time.Date(2026, 8, 20, 12, 0, 0, 0, time.UTC)

// object gives an object the condition Ready, and the conditions that follow from the reason.
func object[T kinds.Object](o T, since time.Duration, status metav1.ConditionStatus, reason, message string) T {
	o.SetGeneration(2)
	o.GetStatus().Observed(2)
	condition := metav1.Condition{
		Type: pamv1alpha1.ConditionReady, Status: status, Reason: reason, Message: message, ObservedGeneration: 2,
		LastTransitionTime: metav1.NewTime(noon.Add(-since)),
	}
	all := []metav1.Condition{condition}
	if status != metav1.ConditionTrue && reason != pamv1alpha1.ReasonSuspended {
		condition.Type, condition.Status = pamv1alpha1.ConditionStalled, metav1.ConditionTrue
		if actor := pamv1alpha1.ActorFor(reason); actor == pamv1alpha1.ActorNobody || actor == pamv1alpha1.ActorWait {
			condition.Type = pamv1alpha1.ConditionReconciling
		}
		all = append(all, condition)
	}
	*o.GetStatus().ObjectConditions() = all
	return o
}

const day = 24 * time.Hour

// scene is an appliance and a server with objects in every state.
func scene() []kinds.Object {
	in := []builder.Option{builder.InNamespace("pam-system"), builder.Connection("sps-prod", "")}
	appliance := object(builder.SPSConnection("sps-prod", builder.InNamespace("pam-system")), 4*day,
		metav1.ConditionTrue, pamv1alpha1.ReasonSynced, "")
	appliance.Status.Version = "8.0.0"
	appliance.Status.LastCommit = &pamv1alpha1.CommitRecord{
		Time: metav1.NewTime(noon.Add(-2 * time.Minute)), Changes: new(int32(14)),
		Duration: metav1.Duration{Duration: 2310 * time.Millisecond},
	}
	server := object(builder.NPSConnection("nps-prod", builder.InNamespace("pam-system")), 4*day,
		metav1.ConditionTrue, pamv1alpha1.ReasonSynced, "")
	expires := metav1.NewTime(noon.Add(151 * time.Minute))
	server.Status.Version, server.Status.TokenExpiresAt = "25.12.00002", &expires
	server.Status.ActiveSessions = new(int32(2))
	server.Spec.Limits = &pamv1alpha1.NPSLimits{ActiveSessions: new(int32(200))}
	session := object(builder.ActivitySession("db-maintenance", builder.InNamespace("payments"),
		builder.Connection("nps-prod", "pam-system")), 9*time.Minute, metav1.ConditionTrue, pamv1alpha1.ReasonActive, "")
	ends := metav1.NewTime(noon.Add(182 * time.Minute))
	session.Status.Phase, session.Status.ExpiresAt = pamv1alpha1.SessionActive, &ends
	session.Status.ConnectionSecretRef = &pamv1alpha1.SecretReference{Name: "db-session"}
	synced := object(builder.RDPConnectionPolicy("rdp-wide", in...), 3*day,
		metav1.ConditionTrue, pamv1alpha1.ReasonSynced, "")
	synced.Status.Key, synced.Status.Position = "3bd7b6f8-54e4-44c3-9c64-2b7fb4a94a01", new(int32(7))
	return []kinds.Object{
		appliance, server, session, synced,
		object(builder.LocalUser("alice", in...), 4*day, metav1.ConditionTrue, pamv1alpha1.ReasonSynced, ""),
		object(builder.LocalUserGroup("rdp-auditors", in...), 4*day, metav1.ConditionTrue, pamv1alpha1.ReasonSynced, ""),
		object(builder.RDPConnectionPolicy("rdp-demo", in...), 3*time.Second, metav1.ConditionFalse,
			pamv1alpha1.ReasonProgressing, "waits for the transaction (12 changes gathered)"),
		object(builder.RDPConnectionPolicy("rdp-legacy", in...), 2*time.Hour, metav1.ConditionFalse,
			pamv1alpha1.ReasonSuspended, "2 fields differ"),
		object(builder.RDPConnectionPolicy("rdp-finance", in...), 11*time.Minute, metav1.ConditionFalse,
			pamv1alpha1.ReasonAdoptionRefused, "the appliance has rdp_finance already; 2 fields differ: network.ports and "+
				"rateLimit.connectionsPerMinute"),
		object(builder.RDPConnectionPolicy("rdp-odd", in...), time.Minute, metav1.ConditionFalse,
			pamv1alpha1.ReasonRejected, "the appliance says: \x1b[2Jforged\nline \u202etxt"),
	}
}

func TestTheTreeIsDrawnAsWideAndAsPlainAsTheScreenIs(t *testing.T) {
	t.Parallel()
	view := overview.New(scene(), nil, noon)
	for name, screen := range map[string]printer.Screen{
		"80-utf8":   {Width: 80, Cut: true, UTF8: true},
		"80-ascii":  {Width: 80, Cut: true},
		"120-utf8":  {Width: 120, Cut: true, UTF8: true},
		"120-ascii": {Width: 120, Cut: true},
		"120-color": {Width: 120, Cut: true, UTF8: true, Color: true, Terminal: true},
		"no-limit":  {Width: printer.DefaultWidth, UTF8: true},
	} {
		for layout, options := range map[string]overview.Options{
			"": {Namespace: "pam-system"}, "-wide": {Namespace: "pam-system", Wide: true}, "-all": {Namespaces: true},
		} {
			t.Run(name+layout, func(t *testing.T) {
				t.Parallel()
				var out bytes.Buffer
				view.Print(&out, screen, options)
				golden(t, name+layout, out.String())
				if !screen.Cut || options.Wide {
					return
				}
				for line := range strings.Lines(uncolored(out.String())) {
					if width := utf8.RuneCountInString(strings.TrimSuffix(line, "\n")); width > screen.Width {
						t.Errorf("a line has %d columns: %q", width, line)
					}
				}
				if !screen.UTF8 && strings.ContainsFunc(out.String(), func(r rune) bool { return r > 126 }) {
					t.Errorf("it is not ASCII:\n%s", out.String())
				}
			})
		}
	}
}

func uncolored(text string) string {
	for _, code := range []string{"0", "31", "32", "33", "36"} {
		text = strings.ReplaceAll(text, "\x1b["+code+"m", "")
	}
	return text
}

func TestNobodysTextMovesTheCursor(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	overview.New(scene(), nil, noon).Print(&out, printer.Screen{Width: 200, UTF8: true}, overview.Options{})
	if strings.ContainsAny(out.String(), "\x1b\u202e") || !strings.Contains(out.String(), "[2Jforged line txt") {
		t.Errorf("a message is printed as it came:\n%q", out.String())
	}
}

func TestManyReadyObjectsAreOneLine(t *testing.T) {
	t.Parallel()
	objects := scene()
	for i := range 9988 {
		objects = append(objects, object(builder.RDPConnectionPolicy(fmt.Sprintf("more-%d", i),
			builder.InNamespace("pam-system"), builder.Connection("sps-prod", "")), day, metav1.ConditionTrue,
			pamv1alpha1.ReasonSynced, ""))
	}
	var out bytes.Buffer
	overview.New(objects, nil, noon).Print(&out, printer.Screen{Width: 80, Cut: true, UTF8: true},
		overview.Options{Namespace: "pam-system"})
	golden(t, "folded", out.String())
}

func TestAConnectionThatCannotBeReadStillHasItsObjects(t *testing.T) {
	t.Parallel()
	policy := object(builder.RDPConnectionPolicy("a", builder.InNamespace("x"), builder.Connection("gone", "")), day,
		metav1.ConditionTrue, pamv1alpha1.ReasonSynced, "")
	kind, _ := kinds.Named(kinds.SPSConnection)
	id := cluster.Ref{Kind: kind, Namespace: "x", Name: "gone"}.ID()
	connections := map[cluster.ID]overview.Lookup{id: {Problem: "there is no such connection"}}
	view := overview.New([]kinds.Object{policy}, connections, noon)
	var out bytes.Buffer
	view.Print(&out, printer.Screen{Width: 80, UTF8: true}, overview.Options{Namespace: "x"})
	golden(t, "unknown-connection", out.String())
}

func TestTheDocumentSaysWhatTheTreeSays(t *testing.T) {
	t.Parallel()
	text, err := json.MarshalIndent(overview.New(scene(), nil, noon).Document(), "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	golden(t, "document", string(text)+"\n")
}

func TestChangesAreToldOnce(t *testing.T) {
	t.Parallel()
	shown := map[cluster.ID]string{}
	objects := scene()
	if got := overview.New(objects, nil, noon).Changes(shown); len(got) != len(objects) {
		t.Errorf("%d objects give %d lines", len(objects), len(got))
	}
	if got := overview.New(objects, nil, noon).Changes(shown); len(got) != 0 {
		t.Errorf("nothing changed, and this is told: %v", got)
	}
	got := overview.New(objects[1:], nil, noon).Changes(shown)
	if want := []string{"2026-08-20T12:00:00Z pam-system/spsc/sps-prod Deleted"}; cmp.Diff(want, got) != "" {
		t.Errorf("(-want +got)\n%s", cmp.Diff(want, got))
	}
}

// golden compares with a file, or writes it with -update.
func golden(t *testing.T, name, got string) {
	t.Helper()
	file := filepath.Join("testdata", name+".golden")
	if *update {
		if err := os.WriteFile(file, []byte(got), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("%s (-want +got):\n%s", file, diff)
	}
}
