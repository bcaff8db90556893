// SPDX-License-Identifier: Apache-2.0

package connection

import (
	"errors"
	"io"
	"net/http"
	"strconv"
	"sync/atomic"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"pgregory.net/rapid"
	"sigs.k8s.io/controller-runtime/pkg/client"

	pamv1alpha1 "github.com/pam-operator/pam-operator/api/v1alpha1"
	"github.com/pam-operator/pam-operator/internal/appliance"
	"github.com/pam-operator/pam-operator/internal/simulator"
	"github.com/pam-operator/pam-operator/test/builder"
)

// showing is the fingerprint of an appliance with a name, in its first configuration.
func showing(self string) appliance.Fingerprint {
	return appliance.Fingerprint{Self: self, Configuration: "1"}
}

func TestTwoAppliancesAreCompared(t *testing.T) {
	is := func(configuration string) appliance.Fingerprint {
		return appliance.Fingerprint{Self: "sps.example.com", Configuration: configuration}
	}
	tests := map[string]struct {
		before, other, after appliance.Fingerprint
		want                 comparison
	}{
		"equal while the first did not change":           {is("1"), is("1"), is("1"), equal},
		"another configuration, and the first is stable": {is("1"), is("2"), is("1"), unequal},
		"the first changed meanwhile":                    {is("1"), is("2"), is("2"), undecided},
		"the first changed away from the other":          {is("1"), is("1"), is("2"), undecided},
		"another name with the same configuration":       {is("1"), showing("other"), is("1"), unequal},
		"no config_hash":                                 {is(""), is(""), is(""), undecided},
		"the other reports no config_hash":               {is("1"), is(""), is("1"), undecided},
		"neither has a name or a certificate":            {showing(""), showing(""), showing(""), undecided},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			if got := compare(tt.before, tt.other, tt.after); got != tt.want {
				t.Errorf("got %v, want %v", got, tt.want)
			}
		})
	}
}

// Whatever happened before, two appliances that ever differed are two, and equality in one configuration is not enough
// to make them one.
func TestOneDifferenceIsEnough(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var known sameAppliance
		seen, different := map[string]bool{}, false
		for _, at := range rapid.SliceOfN(rapid.IntRange(-1, 3), 0, 8).Draw(t, "configurations; -1 differs") {
			if at < 0 {
				known.record("b", "a", "", unequal)
				different = true
				continue
			}
			configuration := strconv.Itoa(at)
			known.record("a", "b", configuration, equal)
			seen[configuration] = true
		}
		isSame, isDifferent := known.known("b", "a")
		if isDifferent != different || isSame != (!different && len(seen) > 1) {
			t.Errorf("isSame %v, different %v, of %d configurations, different %v", isSame, isDifferent, len(seen), different)
		}
	})
}

func TestWhatIsKnownOfAddressesIsBounded(t *testing.T) {
	var known sameAppliance
	for i := range 3 * maxPairs {
		known.record("a", strconv.Itoa(i), "1", equal)
	}
	if len(known.pairs) > maxPairs {
		t.Errorf("%d are remembered", len(known.pairs))
	}
}

// An appliance of somebody else that shows the same configuration and then no longer answers.
func TestAProbeDoesNotWaitLongForTheAppliancesOfOthers(t *testing.T) {
	var hangs atomic.Bool
	handler := func(mayHang bool) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if mayHang && hangs.Load() {
				<-r.Context().Done()
				return
			}
			w.Header().Set("Set-Cookie", "session_id=a")
			_, _ = io.WriteString(w, `{"body":{"firmware_version":"7.0.3","config_hash":"abc","hostname":"sps"}}`)
		})
	}
	running, err := simulator.Serve(t.Context(), simulator.Config{Listeners: []simulator.Listener{
		{Name: "mine", Handler: handler(false)}, {Name: "theirs", Handler: handler(true)},
	}})
	if err != nil {
		t.Fatal(err)
	}
	pool := newWorld(t, credentials("p"), &corev1.ConfigMap{
		ObjectMeta: metav1.ObjectMeta{Namespace: home, Name: "ca"},
		Data:       map[string]string{"ca.crt": string(running.CA().CertificatePEM())},
	}).pool()
	var all []*appliance.Appliance
	for _, name := range []string{"mine", "theirs"} {
		conn := spsConnection(builder.URL(running.URL(name)), builder.TrustedCA("ca"))
		conn.Name = name
		a, err := pool.Connect(t.Context(), conn)
		if err != nil {
			t.Fatal(err)
		}
		if _, _, err := a.Inventory.Check(t.Context()); err != nil {
			t.Fatal(err)
		}
		all = append(all, a)
	}
	hangs.Store(true)
	for range 2 { // not a second time
		if same := pool.Recognise(t.Context(), all[0]); len(same) > 0 {
			t.Errorf("recognised %v", same)
		}
	}
	if !pool.same.isPaused(comparisons{all[0].URL, home}) {
		t.Error("it waited until the call had timed out, and will in each configuration")
	}
}

// Somebody has a server that says nothing, under as many addresses as they like, and an object of each that names what
// the object of another namespace has.
func TestAnObjectWaitsForOneApplianceOfANamespaceAtATime(t *testing.T) {
	listeners := []simulator.Listener{{Name: "mine", Handler: http.NotFoundHandler()}}
	for _, name := range []string{"one", "two", "three"} {
		listeners = append(listeners, simulator.Listener{Name: name, Handler: http.HandlerFunc(
			func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() },
		)})
	}
	listeners[0].Handler = http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Set-Cookie", "session_id=a")
		_, _ = io.WriteString(w, `{"body":{"firmware_version":"7.0.3","config_hash":"abc","hostname":"sps"}}`)
	})
	running, err := simulator.Serve(t.Context(), simulator.Config{Listeners: listeners})
	if err != nil {
		t.Fatal(err)
	}
	var objects []client.Object
	for _, namespace := range []string{home, "team"} {
		in := builder.InNamespace(namespace)
		objects = append(objects, builder.SPSCredentialsSecret("operator", "p", in), &corev1.ConfigMap{
			ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: "ca"},
			Data:       map[string]string{"ca.crt": string(running.CA().CertificatePEM())},
		})
	}
	mine := spsConnection(builder.URL(running.URL("mine")), builder.TrustedCA("ca"))
	for _, listener := range listeners[1:] {
		theirs := builder.SPSConnection(listener.Name, builder.InNamespace("team"),
			builder.URL(running.URL(listener.Name)), builder.TrustedCA("ca"))
		theirs.Status.ObservedGeneration = &theirs.Generation
		theirs.Status.Conditions = []metav1.Condition{{
			Type: pamv1alpha1.ConditionReady, Status: metav1.ConditionTrue, Reason: pamv1alpha1.ReasonSynced,
		}}
		objects = append(objects, theirs)
	}
	pool := newWorld(t, objects...).pool()
	a, err := pool.Connect(t.Context(), mine)
	if err != nil {
		t.Fatal(err)
	}
	began := time.Now()
	for _, listener := range listeners[1:] {
		if same, err := pool.IsSame(t.Context(), a, CanonicalURL(running.URL(listener.Name))); same ||
			!errors.Is(err, ErrUndecided) {
			t.Errorf("%s: %t, %v", listener.Name, same, err)
		}
	}
	if took := time.Since(began); took > 2*comparisonTimeout {
		t.Errorf("it took %s", took)
	}
}
