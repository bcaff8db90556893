// SPDX-License-Identifier: Apache-2.0

package deletion_test

import (
	"context"
	"fmt"
	"sync"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	pamv1alpha1 "github.com/pam-operator/pam-operator/api/v1alpha1"
	"github.com/pam-operator/pam-operator/internal/kinds"
	"github.com/pam-operator/pam-operator/internal/simulator"
	"github.com/pam-operator/pam-operator/internal/simulator/fault"
	simsps "github.com/pam-operator/pam-operator/internal/simulator/sps"
	"github.com/pam-operator/pam-operator/test/builder"
)

const (
	operator = "operator"
	password = "canary-sps-password"
)

// boxes are appliances that many sites share: each site uses its own names there.
type boxes struct {
	appliances []*simsps.Appliance
	running    *simulator.Running
}

func startBoxes(ctx context.Context, count int) *boxes {
	GinkgoHelper()
	b := &boxes{}
	var listeners []simulator.Listener
	for i := range count {
		box := simsps.New(simsps.Options{Users: map[string]string{operator: password}})
		b.appliances = append(b.appliances, box)
		listeners = append(listeners, simulator.Listener{Name: fmt.Sprint(i), Handler: box.Handler()})
	}
	var err error
	b.running, err = simulator.Serve(ctx, simulator.Config{Listeners: listeners})
	Expect(err).NotTo(HaveOccurred())
	return b
}

// down makes an appliance unresponsive.
func (b *boxes) down(i int) {
	GinkgoHelper()
	Expect(b.appliances[i].Faults().Set(fault.Rule{Name: "down", Drop: fault.DropBefore})).To(Succeed())
}

// site is a user, a group that contains the user, and a policy that names the group, with all they need.
type site struct {
	order

	name       string // of the namespace, and of everything on the appliance
	home       string // the namespace of the connection
	box        *simsps.Appliance
	objects    []client.Object
	connection *pamv1alpha1.SPSConnection
}

func (s *site) String() string {
	return fmt.Sprintf("%s: before %v, after %v, apart %v, down %v", s.name, s.before, s.after, s.apart, s.down)
}

// newSite creates everything and does not wait.
func newSite(ctx context.Context, o order, name string, b *boxes, at int) *site {
	s := &site{order: o, name: name, home: name, box: b.appliances[at]}
	if o.apart {
		s.home = name + "-home"
		create(ctx, builder.Namespace(s.home))
	}
	create(ctx, builder.Namespace(s.name))
	in := builder.InNamespace(s.home)
	s.connection = builder.SPSConnection("sps", in, builder.URL(b.running.URL(fmt.Sprint(at))), builder.TrustedCA("ca"),
		builder.OpenToAll(),
		builder.With(func(c *pamv1alpha1.SPSConnection) {
			c.Spec.Commit = &pamv1alpha1.CommitSettings{Window: &metav1.Duration{Duration: 20 * time.Millisecond}}
			c.Spec.DriftCheckInterval = &metav1.Duration{Duration: time.Hour}
		}))
	create(ctx, builder.SPSCredentialsSecret(operator, password, in), s.connection, &corev1.ConfigMap{
		ObjectMeta: metav1.ObjectMeta{Namespace: s.home, Name: "ca"},
		Data:       map[string]string{"ca.crt": string(b.running.CA().CertificatePEM())},
	}, builder.Secret("password", map[string]string{"password": "canary-user-password"}, builder.InNamespace(s.name)))
	through := []builder.Option{builder.InNamespace(s.name), builder.Connection("sps", s.home)}
	s.objects = []client.Object{
		builder.LocalUser(name, append(through, builder.PasswordFrom("password"))...),
		builder.LocalUserGroup(name, append(through, builder.MemberRefs(name))...),
		builder.RDPConnectionPolicy(name, append(through, builder.With(func(p *pamv1alpha1.RDPConnectionPolicy) {
			p.Spec.AccessControl = []pamv1alpha1.AccessControlRule{{
				AuthorizerRef: &pamv1alpha1.LocalReference{Name: name}, Permission: pamv1alpha1.AccessPermissionAudit,
			}}
		}))...),
	}
	create(ctx, s.objects...)
	return s
}

func create(ctx context.Context, objects ...client.Object) {
	GinkgoHelper()
	for _, o := range objects {
		Expect(k8s.Create(ctx, o)).To(Succeed())
	}
}

// remove deletes things in order, without waiting for their end.
func (s *site) remove(ctx context.Context, things []what) {
	GinkgoHelper()
	for _, w := range things {
		for _, o := range s.things(w) {
			Expect(client.IgnoreNotFound(k8s.Delete(ctx, o))).To(Succeed())
		}
	}
}

func (s *site) things(w what) []client.Object {
	switch w {
	case object:
		return s.objects
	case secret:
		return []client.Object{builder.SPSCredentialsSecret("", "", builder.InNamespace(s.home))}
	case connection:
		return []client.Object{s.connection}
	case namespace:
		return []client.Object{builder.Namespace(s.name)}
	case home:
		return []client.Object{builder.Namespace(s.home)}
	}
	panic("nothing is called " + w)
}

// left are the collections in which the appliance still has objects of the site.
func (s *site) left() []string {
	var out []string
	for _, collection := range []string{"aaa/local_database/users", "aaa/local_database/groups", "rdp/connections"} {
		for _, o := range s.box.Objects(collection) {
			if o.Body["name"] == s.name {
				out = append(out, collection)
			}
		}
	}
	return out
}

// each runs a function for every site, several at a time.
func each(sites []*site, do func(*site)) {
	GinkgoHelper()
	todo := make(chan *site)
	var workers sync.WaitGroup
	for range 8 {
		workers.Go(func() {
			defer GinkgoRecover()
			for s := range todo {
				do(s)
			}
		})
	}
	for _, s := range sites {
		todo <- s
	}
	close(todo)
	workers.Wait()
}

// unfinished describes what should be gone but still exists.
func unfinished(ctx context.Context, sites []*site) []string {
	there := existing(ctx)
	var out []string
	for _, s := range sites {
		for _, key := range s.goes() {
			if state, ok := there[key]; ok {
				out = append(out, s.String()+": "+key+" "+state)
			}
		}
	}
	return out
}

// undeleted describes what should be deleted, by whatever means, but has not been yet.
func undeleted(ctx context.Context, sites []*site) []string {
	there := map[string]bool{}
	for _, list := range []client.ObjectList{&corev1.SecretList{}, &pamv1alpha1.SPSConnectionList{}} {
		Expect(k8s.List(ctx, list)).To(Succeed())
		eachItem(list, func(o client.Object) {
			if o.GetDeletionTimestamp().IsZero() {
				there[o.GetNamespace()+"/"+o.GetName()] = true
			}
		})
	}
	var out []string
	for _, s := range sites {
		for key, goes := range map[string]bool{
			s.home + "/" + builder.SPSCredentials: s.secretGoes(), s.home + "/sps": s.connectionGoes(),
		} {
			if goes && there[key] {
				out = append(out, s.String()+": "+key)
			}
		}
	}
	return out
}

// goes lists what must be gone in the end.
func (s *site) goes() []string {
	var out []string
	for _, kind := range kinds.Policies() {
		out = append(out, kind.Name+" "+s.name+"/"+s.name)
	}
	if s.has(namespace) {
		out = append(out, "Namespace /"+s.name)
	}
	if s.homeGoes() {
		out = append(out, "Namespace /"+s.home)
	}
	if s.connectionGoes() {
		out = append(out, "SPSConnection "+s.home+"/sps")
	}
	return out
}

// existing returns all objects of our kinds, and all namespaces, each with its Ready condition.
func existing(ctx context.Context) map[string]string {
	GinkgoHelper()
	out := map[string]string{}
	note := func(kind string, list client.ObjectList) {
		Expect(k8s.List(ctx, list)).To(Succeed())
		eachItem(list, func(o client.Object) { out[kind+" "+o.GetNamespace()+"/"+o.GetName()] = readiness(o) })
	}
	note("Namespace", &corev1.NamespaceList{})
	for _, kind := range kinds.All() {
		note(kind.Name, kind.NewList())
	}
	return out
}
