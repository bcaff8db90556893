// SPDX-License-Identifier: Apache-2.0

package loop

import (
	"context"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/event"

	pamv1alpha1 "github.com/pam-operator/pam-operator/api/v1alpha1"
)

// requesting is an object with a request in its annotation, and what its status shows of it.
func requesting(value, handled string) *pamv1alpha1.LocalUser {
	user := &pamv1alpha1.LocalUser{}
	user.UID = "uid"
	user.Annotations = map[string]string{pamv1alpha1.AnnotationReconcileRequestedAt: value}
	user.Status.HandledReconcileRequest = handled
	return user
}

func TestARequestIsOpenUntilTheStatusShowsIt(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("é", MaxHandledRequest)
	for what, c := range map[string]struct{ value, handled, want string }{
		"a first request":          {"now", "", "now"},
		"another value":            {"2030", "2029", "2030"},
		"the same value":           {"2030", "2030", ""},
		"no request":               {"", "2030", ""},
		"blanks alone":             {" \n ", "", ""},
		"a value that is too long": {long, "", strings.Repeat("é", 126) + "…"},
		"a value that is too long, once it is handled": {long, strings.Repeat("é", 126) + "…", ""},
		"a value that would garble a terminal":         {"a\x1b[2Jb\nc", "", "a[2Jb c"},
	} {
		got := NewRequestBook(0).Of(requesting(c.value, c.handled))
		if got.Value != c.want || got.Open() != (c.want != "") || len(got.Value) > MaxHandledRequest {
			t.Errorf("%s: %q is open, want %q", what, got.Value, c.want)
		}
		if got.Open() {
			obj := requesting(c.value, c.handled)
			if got.Handle(obj); NewRequestBook(0).Of(obj).Open() {
				t.Errorf("%s: it is still open after it was handled", what)
			}
		}
	}
	obj := requesting("", "2030")
	if (ReconcileRequest{}).Handle(obj); obj.Status.HandledReconcileRequest != "2030" {
		t.Error("no request has overwritten an earlier one")
	}
}

func TestARequestCountsFromWhenItWasSeen(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := NewRequestBook(0)
		watch, began := b.Watch(), time.Now()
		watch.Create(t.Context(), event.CreateEvent{Object: requesting("1", "")}, nil)
		wait := func() { <-time.After(time.Minute) }
		wait()
		if got := b.Of(requesting("1", "")); !got.Seen.Equal(began) {
			t.Errorf("seen %s too late", got.Seen.Sub(began))
		}
		watch.Update(t.Context(), event.UpdateEvent{ObjectOld: requesting("2", ""), ObjectNew: requesting("2", "")}, nil)
		wait()
		if got := b.Of(requesting("2", "")); !got.Seen.Equal(began.Add(time.Minute)) {
			t.Errorf("another value counts from %s after the first one", got.Seen.Sub(began))
		}
		b.Of(requesting("2", "2"))
		if len(b.open) != 0 {
			t.Error("a request that was handled is remembered")
		}
		if got := b.Of(requesting("2", "")); !got.Seen.Equal(time.Now()) {
			t.Error("a status that was lost does not open the request anew")
		}
		watch.Delete(t.Context(), event.DeleteEvent{Object: requesting("2", "")}, nil)
		if len(b.open) != 0 {
			t.Error("an object that is gone is remembered")
		}
		var none *RequestBook
		if got := none.Of(requesting("1", "")); !got.Open() || !got.Seen.Equal(time.Now()) {
			t.Error("without a book, there are no requests")
		}
		none.Of(requesting("1", "1"))
	})
}

func TestWhatLeavesARequestOpen(t *testing.T) {
	t.Parallel()
	for what, c := range map[string]struct {
		out  Outcome
		want bool
	}{
		"a pass that is done": {Done(pamv1alpha1.ReasonSynced, ""), false},
		"somebody has to act": {Stalled(pamv1alpha1.ReasonUnauthorized, ""), false},
		"suspended":           {Suspended(""), false},
		"work in progress":    {Wait(pamv1alpha1.ReasonProgressing, "", time.Second), false},
		"another client's lock, which is an answer":  {Wait(pamv1alpha1.ReasonLocked, "", time.Second), false},
		"a connection that is not ready":             {Wait(pamv1alpha1.ReasonConnectionNotReady, "", 0), true},
		"no answer":                                  {Wait(pamv1alpha1.ReasonUnreachable, "", time.Second), true},
		"a failure of ours that is repeated":         {Retry(pamv1alpha1.ReasonProgressing, errors.New("a")), true},
		"a pass that was stopped":                    {OutcomeOf(context.Canceled), true},
		"a stale cache, which starts the pass again": {OutcomeOf(ErrStale), false},
	} {
		if got := c.out.Unanswered(); got != c.want {
			t.Errorf("%s: unanswered is %v, want %v", what, got, c.want)
		}
	}
}

func TestTheReasonOfASuspensionIsShownCleanAndShort(t *testing.T) {
	t.Parallel()
	for what, c := range map[string]struct{ value, want string }{
		"none":             {"", ""},
		"a plain one":      {"change freeze until Monday", ` ("change freeze until Monday")`},
		"several lines":    {"change\n\tfreeze ", ` ("change freeze")`},
		"escape sequences": {"\x1b[31mred\u202e", ` ("[31mred")`},
		"a quotation":      {`the "big" one`, ` ("the \"big\" one")`},
		"a novel":          {strings.Repeat("a", 1000), ` ("` + strings.Repeat("a", 253) + `…")`},
	} {
		user := &pamv1alpha1.LocalUser{}
		user.Annotations = map[string]string{pamv1alpha1.AnnotationSuspendReason: c.value}
		if got := SuspendReason(user); got != c.want {
			t.Errorf("%s: got %s, want %s", what, got, c.want)
		}
	}
}

// TestMetadataAsksForAPassOnceInAPause: anyone who may annotate an object can ask for passes, without the right to use
// its connection.
func TestMetadataAsksForAPassOnceInAPause(t *testing.T) {
	t.Parallel()
	const pause = 5 * time.Second
	type pass struct{ asked, due int } // seconds
	for name, c := range map[string]struct {
		reason string
		asked  []int
		want   []pass
	}{
		"the first one at once":          {"Synced", []int{0}, []pass{{0, 0}}},
		"the second one after the pause": {"Synced", []int{0, 1}, []pass{{0, 0}, {1, 5}}},
		"a loop once in each pause": {"Synced", []int{0, 1, 2, 4, 6, 7, 12}, []pass{
			{0, 0}, {1, 5}, {2, 5}, {4, 5}, {6, 10}, {7, 10}, {12, 15},
		}},
		"at once after a pause":           {"Synced", []int{0, 5, 60}, []pass{{0, 0}, {5, 5}, {60, 60}}},
		"longer for what is refused":      {"Rejected", []int{0, 1, 20, 29}, []pass{{0, 0}, {1, 30}, {20, 30}, {29, 30}}},
		"and after it was refused, later": {"Rejected", []int{0, 31}, []pass{{0, 0}, {31, 31}}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b, start := NewRequestBook(pause), time.Now()
			obj := requesting("now", "")
			obj.Status.Conditions = []metav1.Condition{{Type: pamv1alpha1.ConditionReady, Reason: c.reason}}
			var got []pass
			for _, asked := range c.asked {
				now := start.Add(time.Duration(asked) * time.Second)
				got = append(got, pass{asked, int((now.Sub(start) + b.untilPass(obj, now)) / time.Second)})
			}
			if diff := cmp.Diff(c.want, got, cmp.AllowUnexported(pass{})); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
			other := requesting("now", "")
			other.SetUID("another")
			if b.untilPass(other, start) != 0 {
				t.Error("another object waits, too")
			}
			b.forgetTimes(obj.GetUID())
			if _, known := b.passes[obj.GetUID()]; known {
				t.Error("the times of an object that is gone are kept")
			}
		})
	}
}

func TestChangesOfMetadataAreNotPassedAtOnce(t *testing.T) {
	t.Parallel()
	before := requesting("", "")
	before.SetFinalizers([]string{pamv1alpha1.Finalizer})
	annotated, bare := requesting("now", ""), requesting("", "")
	annotated.SetFinalizers(before.GetFinalizers())
	for what, after := range map[string]Object{"an annotation": annotated, "no finalizer": bare} {
		e := event.UpdateEvent{ObjectOld: before, ObjectNew: after}
		if !asksByMetadata(e) {
			t.Errorf("%s asks for nothing", what)
		}
		if lostStatus(e) {
			t.Errorf("%s is passed at once", what)
		}
	}
	if same := (event.UpdateEvent{ObjectOld: before, ObjectNew: before}); asksByMetadata(same) {
		t.Error("an update without a change asks")
	}
}
