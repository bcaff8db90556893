// SPDX-License-Identifier: Apache-2.0

package spent

import (
	"context"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/kubernetes/scheme"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"

	pamv1alpha1 "github.com/pam-operator/pam-operator/api/v1alpha1"
	"github.com/pam-operator/pam-operator/internal/controller/loop"
)

// place is a cluster and a memory in it, whose clock the test sets.
type place struct {
	*Memory

	t      *testing.T
	writes int
	clock  time.Time
}

func newPlace(t *testing.T, objects ...client.Object) *place {
	t.Helper()
	p := &place{t: t, clock: today}
	c := fake.NewClientBuilder().WithScheme(scheme.Scheme).WithObjects(objects...).WithInterceptorFuncs(interceptor.Funcs{
		Create: func(ctx context.Context, c client.WithWatch, o client.Object, options ...client.CreateOption) error {
			p.writes++
			return c.Create(ctx, o, options...)
		},
		Update: func(ctx context.Context, c client.WithWatch, o client.Object, options ...client.UpdateOption) error {
			p.writes++
			return c.Update(ctx, o, options...)
		},
	}).Build()
	p.Memory = NewMemory(c, c)
	p.now = func() time.Time { return p.clock }
	return p
}

func (p *place) record(r Request) {
	p.t.Helper()
	if err := p.Record(p.t.Context(), r); err != nil {
		p.t.Fatal(err)
	}
}

// by is the uid of the object that has made a request before; empty if none has.
func (p *place) by(r Request) types.UID {
	p.t.Helper()
	entry, err := p.By(p.t.Context(), r)
	if err != nil {
		p.t.Fatal(err)
	}
	if entry == nil {
		return ""
	}
	return entry.UID
}

func request(uid string) Request {
	return Request{
		Namespace: "ns", Kind: "ActivitySession", Name: "a", UID: types.UID(uid), Content: map[string]string{"run": "1"},
	}
}

func TestARequestIsRememberedForWhoeverMakesItAgain(t *testing.T) {
	t.Parallel()
	p := newPlace(t)
	if got := p.by(request("first")); got != "" {
		t.Fatalf("made by %s before anybody made it", got)
	}
	p.record(request("first"))
	if got := p.by(request("first")); got != "" {
		t.Error("an object is held back by its own request")
	}
	if got := p.by(request("second")); got != "first" {
		t.Errorf("made by %q", got)
	}
	for what, change := range map[string]func(*Request){
		"another namespace": func(r *Request) { r.Namespace = "other" },
		"another kind":      func(r *Request) { r.Kind = "SessionTermination" },
		"another name":      func(r *Request) { r.Name = "b" },
		"another content":   func(r *Request) { r.Content = map[string]string{"run": "2"} },
	} {
		r := request("second")
		if change(&r); p.by(r) != "" {
			t.Errorf("%s is the same request", what)
		}
	}
}

func TestARequestIsRememberedAsLongAsSomebodyMakesIt(t *testing.T) {
	t.Parallel()
	p := newPlace(t)
	p.record(request("first"))
	for range 10 { // an object that is held back is looked at from time to time
		p.clock = p.clock.Add(rememberFor / 2)
		if got := p.by(request("second")); got != "first" {
			t.Fatalf("made by %q", got)
		}
	}
	entry, err := p.By(t.Context(), request("second"))
	if err != nil || !entry.Made.Equal(today) {
		t.Errorf("made at %v, %v", entry, err)
	}
	p.clock = p.clock.Add(rememberFor + time.Second)
	if got := p.by(request("third")); got != "" {
		t.Error("it is remembered for ever")
	}
}

func TestTheMemoryIsWrittenRarely(t *testing.T) {
	t.Parallel()
	p := newPlace(t)
	for range 5 {
		p.record(request("first"))
		p.by(request("second"))
		p.clock = p.clock.Add(time.Hour)
	}
	if p.writes != 1 {
		t.Errorf("%d writes", p.writes)
	}
	p.clock = p.clock.Add(refreshAfter)
	p.record(request("first"))
	if p.writes != 2 {
		t.Errorf("%d writes after a week", p.writes)
	}
}

func TestAConfigMapOfSomebodyElseIsNeitherReadNorWritten(t *testing.T) {
	t.Parallel()
	foreign := &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Namespace: "ns", Name: ConfigMapName}}
	p := newPlace(t, foreign)
	_, errBy := p.By(t.Context(), request("first"))
	for _, err := range []error{errBy, p.Record(t.Context(), request("first"))} {
		if out := loop.OutcomeOf(err); out.Reason != pamv1alpha1.ReasonConflict || out.State != loop.StateStalled {
			t.Errorf("%v is %s", err, out.Reason)
		}
	}
	if p.writes != 0 {
		t.Error("it was written")
	}
}

func TestTwoWritersDoNotForgetForEachOther(t *testing.T) {
	t.Parallel()
	p := newPlace(t)
	p.record(request("first"))
	stale, err := p.read(t.Context(), "ns")
	if err != nil {
		t.Fatal(err)
	}
	other := request("other")
	other.Name = "b"
	p.record(other)
	if err := p.write(t.Context(), stale, "key", Entry{"late", today, today}); !apierrors.IsConflict(err) {
		t.Errorf("a stale memory was written: %v", err)
	}
	again := other
	again.UID = "again"
	if p.by(other) != "" || p.by(again) != "other" {
		t.Error("the other request was forgotten")
	}
}

func TestContentThatCannotBeHashedIsAnError(t *testing.T) {
	t.Parallel()
	p := newPlace(t)
	r := request("first")
	r.Content = func() {}
	_, errBy := p.By(t.Context(), r)
	if err := p.Record(t.Context(), r); err == nil || errBy == nil {
		t.Errorf("%v, %v", err, errBy)
	}
}
