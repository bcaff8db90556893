// SPDX-License-Identifier: Apache-2.0

package upgrade

import (
	"net/http"
	"path/filepath"

	"github.com/google/go-cmp/cmp"
	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/json"
	"sigs.k8s.io/controller-runtime/pkg/client"

	pamv1alpha1 "github.com/pam-operator/pam-operator/api/v1alpha1"
	simsps "github.com/pam-operator/pam-operator/internal/simulator/sps"
	"github.com/pam-operator/pam-operator/test/builder"
	"github.com/pam-operator/pam-operator/test/site"
)

// samples are those of the previous release.
func (s *work) samples() string { return "--filename=" + filepath.Join(previousDir, "samples.yaml") }

// judge is what the API server would make of a manifest: the specs, by object.
func (s *work) judge(file string) map[string]any {
	s.Helper()
	text := s.cluster.Kubectl(s.T, "", "apply", "--server-side", "--force-conflicts", "--dry-run=server", "--output=json",
		"--as=kubernetes-admin", "--as-group=system:masters", file) // who asks for the sessions of the samples
	var list unstructured.UnstructuredList
	if err := json.Unmarshal([]byte(text), &list); err != nil {
		s.Fatal(err)
	}
	out := map[string]any{}
	for _, o := range list.Items {
		if o.GroupVersionKind().Group == pamv1alpha1.GroupVersion.Group {
			out[o.GetKind()+" "+o.GetName()] = o.Object["spec"]
		}
	}
	if len(out) == 0 {
		s.Fatal("the API server judged no object of ours")
	}
	return out
}

// expectNothingDiffers applies every object anew, without effect: its spec and its generation stay.
func (s *work) expectNothingDiffers() {
	s.Helper()
	for _, o := range s.objects {
		live := s.live(o)
		manifest, err := builder.Manifest(o)
		if err != nil {
			s.Fatal(err)
		}
		text := s.cluster.Kubectl(s.T, manifest, "apply", "--server-side", "--force-conflicts", "--dry-run=server",
			"--output=json", "-f", "-")
		var judged unstructured.Unstructured
		if err := judged.UnmarshalJSON([]byte(text)); err != nil {
			s.Fatal(err)
		}
		diff := cmp.Diff(live.Object["spec"], judged.Object["spec"])
		if diff != "" || live.GetGeneration() != judged.GetGeneration() {
			s.Errorf("%s %s would change (-live +applied):\n%s", live.GetKind(), live.GetName(), diff)
		}
	}
}

func (s *work) live(o client.Object) *unstructured.Unstructured {
	s.Helper()
	out := &unstructured.Unstructured{}
	out.SetGroupVersionKind(o.GetObjectKind().GroupVersionKind())
	if err := s.cluster.Get(s.Context(), client.ObjectKeyFromObject(o), out); err != nil {
		s.Fatal(err)
	}
	return out
}

// state is what must not change by itself.
type state struct {
	appliance map[string][]simsps.Object // by collection
	posts     int                        // requests that create something on the appliance
	changes   int                        // requests that change or remove something there
	asked     int                        // sessions that were requested
	ended     int
	live      []string
	keys      map[string]string // of our objects on the servers
	secrets   map[string]secretState
}

type secretState struct {
	UID  types.UID
	Data map[string][]byte
}

func (s *work) state() state {
	s.Helper()
	out := state{
		appliance: map[string][]simsps.Object{}, live: s.servers.Live(), keys: map[string]string{},
		asked: s.servers.NPS.Stats().Creates, ended: s.servers.NPS.Stats().Deletes, secrets: map[string]secretState{},
	}
	for _, collection := range []string{site.Policies, site.Users, site.Groups} {
		out.appliance[collection] = s.servers.SPS.Objects(collection)
	}
	calls := s.servers.SPS.Faults()
	out.posts = calls.Count(http.MethodPost, "^/api/configuration/")
	for _, method := range []string{http.MethodPut, http.MethodDelete} {
		out.changes += calls.Count(method, "^/api/configuration/")
	}
	for _, o := range s.objects {
		live := s.live(o)
		for _, field := range []string{"key", "sessionID"} {
			if id, found, _ := unstructured.NestedString(live.Object, "status", field); found {
				out.keys[live.GetKind()+" "+live.GetName()] = id
			}
		}
	}
	secrets := &corev1.SecretList{}
	if err := s.cluster.List(s.Context(), secrets, client.InNamespace(namespace)); err != nil {
		s.Fatal(err)
	}
	for i := range secrets.Items {
		if o := &secrets.Items[i]; o.Type == pamv1alpha1.SecretTypeConnection {
			out.secrets[o.Name] = secretState{o.UID, o.Data}
		}
	}
	return out
}

// expectOnlyAdded requires that nothing has changed between two states except what was added on purpose, each of it
// once: this many objects on the appliance, and a session.
func (s *work) expectOnlyAdded(before, after state, onAppliance int) {
	s.Helper()
	g := NewWithT(s.T)
	for collection, objects := range before.appliance {
		now := after.appliance[collection]
		g.Expect(len(now)).To(BeNumerically(">=", len(objects)), collection)
		if diff := cmp.Diff(objects, now[:len(objects)]); diff != "" {
			s.Errorf("%s has changed on the appliance (-before +after):\n%s", collection, diff)
		}
	}
	g.Expect(after.posts-before.posts).To(Equal(onAppliance), "objects were created more than once")
	g.Expect(after.changes-before.changes).To(BeZero(), "something was changed or removed on the appliance")
	g.Expect(after.asked-before.asked).To(Equal(1), "sessions were requested again")
	g.Expect(after.ended).To(Equal(before.ended), "sessions were ended")
	g.Expect(after.live).To(HaveLen(len(before.live) + 1))
	g.Expect(after.live).To(ContainElements(before.live))
	for name, key := range before.keys {
		g.Expect(after.keys).To(HaveKeyWithValue(name, key))
	}
	for name, secret := range before.secrets {
		g.Expect(cmp.Equal(after.secrets[name], secret)).To(BeTrue(), "the Secret %s is not what it was", name)
	}
}

// expectNothingOpen requires that a stopped manager holds nothing.
func (s *work) expectNothingOpen() {
	s.Helper()
	if stats := s.servers.SPS.Stats(); stats.OpenTransactions != 0 || stats.LockHolder != "" {
		s.Errorf("%d transactions are open, and %q holds the lock", stats.OpenTransactions, stats.LockHolder)
	}
}
