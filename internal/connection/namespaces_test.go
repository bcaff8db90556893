// SPDX-License-Identifier: Apache-2.0

package connection

import (
	"context"
	"errors"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/controller-runtime/pkg/client"

	pamv1alpha1 "github.com/pam-operator/pam-operator/api/v1alpha1"
	"github.com/pam-operator/pam-operator/test/builder"
)

// oneNamespace answers reads of a namespace by name, and fails a test that reads anything else.
type oneNamespace struct {
	client.Reader
	t *testing.T

	mu     sync.Mutex
	labels map[string]string
	err    error
	reads  int
}

func (n *oneNamespace) Get(_ context.Context, key client.ObjectKey, obj client.Object, _ ...client.GetOption) error {
	n.mu.Lock()
	defer n.mu.Unlock()
	if gvk := obj.GetObjectKind().GroupVersionKind(); gvk.Kind != "Namespace" || key.Name != "payments" {
		n.t.Errorf("%s %s was read", gvk.Kind, key)
	}
	n.reads++
	obj.SetLabels(n.labels)
	return n.err
}

func (n *oneNamespace) set(labels map[string]string, err error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.labels, n.err = labels, err
}

func forbidden() error {
	return apierrors.NewForbidden(schema.GroupResource{Resource: "namespaces"}, "payments", errors.New("no Role"))
}

func TestLabelsThatAreNotKnownAreSelectedByNothing(t *testing.T) {
	absent := &metav1.LabelSelector{MatchExpressions: []metav1.LabelSelectorRequirement{
		{Key: "restricted", Operator: metav1.LabelSelectorOpDoesNotExist},
	}}
	unread := func() Namespaces { return UnreadNamespaces{} }
	failing := func(err error) func() Namespaces {
		return func() Namespaces { return cachedNamespaces{&oneNamespace{t: t, err: err}} }
	}
	for name, c := range map[string]struct {
		namespaces func() Namespaces
		want       string
	}{
		"because they are not read": {unread, "--namespace-labels=false"},
		"without the right":         {failing(forbidden()), "grant it the verb get on namespaces in a Role there"},
		"because there is no such namespace": {
			failing(apierrors.NewNotFound(schema.GroupResource{Resource: "namespaces"}, "payments")), "does not exist",
		},
	} {
		t.Run(name, func(t *testing.T) {
			from, err := c.namespaces().Namespace(t.Context(), "payments")
			if err != nil {
				t.Fatal(err)
			}
			allowed := &pamv1alpha1.AllowedNamespaces{From: pamv1alpha1.NamespacesFromSelector, Selector: absent}
			ok, err := Permits(allowed, home, from)
			if ok || !IsNotPermitted(err) || !strings.Contains(err.Error(), c.want) {
				t.Errorf("allowed %t, %v, want %q in it", ok, err, c.want)
			}
			grants := []pamv1alpha1.Grant{{NamespaceSelector: absent}}
			if _, why, err := Allowing(grants, home, from, Request{}); err != nil || !strings.Contains(why, c.want) {
				t.Errorf("refused because of %q, %v", why, err)
			}
			grants = append(grants, pamv1alpha1.Grant{Namespaces: []string{"payments"}})
			if _, why, err := Allowing(grants, home, from, Request{}); why != "" || err != nil {
				t.Errorf("a grant by name is refused: %s, %v", why, err)
			}
			if ok, err := Permits(nil, "payments", from); !ok || err != nil {
				t.Errorf("the connection's own namespace is refused: %v", err)
			}
		})
	}
}

func TestLabelsAreReadByNameAndChangesAreTold(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		live, notified := &oneNamespace{t: t, labels: map[string]string{"pam": "allowed"}}, make(chan string, 10)
		n := NewLiveNamespaces(live, []string{"payments"}, func(_ context.Context, name string) { notified <- name })
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		go func() { _ = n.Start(ctx) }()
		synctest.Wait()
		<-time.After(namespaceFresh)
		live.reads = 0
		for range 1000 {
			go func() {
				if got, err := n.Namespace(ctx, "payments"); err != nil || got.Labels["pam"] != "allowed" || got.Unknown != "" {
					t.Errorf("%+v, %v", got, err)
				}
			}()
		}
		synctest.Wait()
		if live.reads != 1 {
			t.Errorf("%d reads for passes at the same time", live.reads)
		}
		for _, change := range []func(){
			func() { live.set(nil, nil) },
			func() { live.set(nil, forbidden()) },
			func() { live.set(map[string]string{"pam": "allowed"}, nil) },
		} {
			change()
			<-time.After(namespaceInterval)
			synctest.Wait()
			if len(notified) != 1 {
				t.Fatalf("a change was reported %d times", len(notified))
			}
			<-notified
		}
		live.set(nil, errors.New("the API server is away"))
		<-time.After(3 * namespaceInterval)
		synctest.Wait()
		if len(notified) != 0 {
			t.Error("a failed read was reported as a change")
		}
		if _, err := n.Namespace(ctx, "payments"); err == nil {
			t.Error("what was read long ago is still believed")
		}
	})
}

func TestSelectorsAreRefusedWhereNoLabelsAreRead(t *testing.T) {
	byLabel := &metav1.LabelSelector{MatchLabels: map[string]string{"pam": "allowed"}}
	selecting := builder.AllowNamespaces(pamv1alpha1.AllowedNamespaces{
		From: pamv1alpha1.NamespacesFromSelector, Selector: byLabel,
	})
	for name, c := range map[string]struct {
		conn client.Object
		want string
	}{
		"nothing is selected":              {conn: builder.NPSConnection("a", builder.Grants(pamv1alpha1.Grant{}))},
		"an SPSConnection allows by label": {builder.SPSConnection("a", selecting), "spec.allowedNamespaces selects"},
		"an NPSConnection allows by label": {builder.NPSConnection("a", selecting), "spec.allowedNamespaces selects"},
		"a grant for SPS": {builder.SPSConnection("a", builder.With(func(c *pamv1alpha1.SPSConnection) {
			c.Spec.Grants = []pamv1alpha1.SPSGrant{{NamespaceSelector: byLabel}}
		})), "spec.grants[0].namespaceSelector selects"},
		"a grant for NPS": {
			builder.NPSConnection("a", builder.Grants(pamv1alpha1.Grant{}, pamv1alpha1.Grant{NamespaceSelector: byLabel})),
			"spec.grants[1].namespaceSelector selects",
		},
	} {
		t.Run(name, func(t *testing.T) {
			err := NewPool(Config{Namespaces: UnreadNamespaces{}}).CheckSelectors(c.conn)
			switch {
			case c.want == "" && err != nil:
				t.Error(err)
			case c.want != "" && (!IsInvalid(err) || !strings.Contains(err.Error(), c.want)):
				t.Errorf("%v, want %q in it", err, c.want)
			}
			if err := NewPool(Config{}).CheckSelectors(c.conn); err != nil {
				t.Errorf("refused although labels are read: %v", err)
			}
		})
	}
}
