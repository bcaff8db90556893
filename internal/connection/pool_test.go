// SPDX-License-Identifier: Apache-2.0

package connection

import (
	"context"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/kubernetes/scheme"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"

	pamv1alpha1 "github.com/pam-operator/pam-operator/api/v1alpha1"
	"github.com/pam-operator/pam-operator/internal/appliance"
	"github.com/pam-operator/pam-operator/internal/simulator"
	"github.com/pam-operator/pam-operator/test/builder"
)

// world is an in-memory cluster that records which contents were read.
type world struct {
	client.Client
	read []string
}

func newWorld(t *testing.T, objects ...client.Object) *world {
	t.Helper()
	known := runtime.NewScheme() // not the shared one: tests run in parallel
	for _, add := range []func(*runtime.Scheme) error{scheme.AddToScheme, pamv1alpha1.AddToScheme} {
		if err := add(known); err != nil {
			t.Fatal(err)
		}
	}
	w := &world{}
	w.Client = fake.NewClientBuilder().WithScheme(known).WithObjects(objects...).
		WithInterceptorFuncs(interceptor.Funcs{Get: func(
			ctx context.Context, c client.WithWatch, key client.ObjectKey, obj client.Object, o ...client.GetOption,
		) error {
			switch obj.(type) {
			case *corev1.Secret, *corev1.ConfigMap:
				w.read = append(w.read, key.Name)
			}
			return c.Get(ctx, key, obj, o...)
		}}).Build()
	return w
}

func (w *world) pool() *Pool { return NewPool(w.config()) }

func (w *world) config() Config {
	return Config{Cache: w, Live: w, Secrets: worldVersions{w, secretKind}, ConfigMaps: worldVersions{w, configMapKind}}
}

// worldVersions are the versions of one kind in a world.
type worldVersions struct {
	world *world
	kind  schema.GroupVersionKind
}

func (v worldVersions) Version(ctx context.Context, name types.NamespacedName) (uint64, bool, error) {
	meta := &metav1.PartialObjectMetadata{}
	meta.SetGroupVersionKind(v.kind)
	if err := v.world.Get(ctx, name, meta); err != nil {
		return 0, false, client.IgnoreNotFound(err)
	}
	version, err := strconv.ParseUint(meta.ResourceVersion, 10, 64)
	return version, true, err
}

const home = "pam-system"

func spsConnection(options ...builder.Option) *pamv1alpha1.SPSConnection {
	return builder.SPSConnection("sps", append([]builder.Option{builder.InNamespace(home)}, options...)...)
}

func credentials(password string) *corev1.Secret {
	return builder.SPSCredentialsSecret("operator", password, builder.InNamespace(home))
}

func TestConnectKeepsAClientUntilItsContentChanges(t *testing.T) {
	conn, secret := spsConnection(), credentials("first")
	w := newWorld(t, conn, secret)
	pool := w.pool()
	connect := func() *appliance.Appliance {
		t.Helper()
		a, err := pool.Connect(t.Context(), conn)
		if err != nil {
			t.Fatal(err)
		}
		return a
	}
	update := func(change func()) {
		t.Helper()
		change()
		if err := w.Update(t.Context(), secret); err != nil {
			t.Fatal(err)
		}
	}
	first := connect()
	reads := len(w.read)
	if connect() != first || len(w.read) != reads {
		t.Error("the same inputs made another client, or read a Secret again")
	}
	update(func() { builder.Label("touched", "yes")(secret) })
	if connect() != first {
		t.Error("a label made another client")
	}
	update(func() { secret.Data["password"] = []byte("second") })
	if connect() == first {
		t.Error("another password did not make another client")
	}
	if err := pool.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	if _, err := pool.Connect(t.Context(), conn); !IsNotReady(err) {
		t.Errorf("a closed pool answers %v", err)
	}
}

func TestConnectNamesWhatIsMissingOrWrong(t *testing.T) {
	broken := func(change func(*corev1.Secret)) *corev1.Secret {
		s := credentials("a-password")
		change(s)
		return s
	}
	bundle := func(text string) *corev1.ConfigMap {
		return &corev1.ConfigMap{
			ObjectMeta: metav1.ObjectMeta{Namespace: home, Name: "ca"}, Data: map[string]string{"ca.crt": text},
		}
	}
	for name, c := range map[string]struct {
		conn    *pamv1alpha1.SPSConnection
		objects []client.Object
		is      func(error) bool
		says    string
	}{
		"the Secret does not exist": {
			conn: spsConnection(), is: IsNotReady, says: "Secret pam-system/sps-credentials does not exist",
		},
		"the Secret has no password": {
			conn: spsConnection(), is: IsNotReady, says: "has no key password",
			objects: []client.Object{broken(func(s *corev1.Secret) { delete(s.Data, "password") })},
		},
		"the password is not UTF-8": {
			conn: spsConnection(), is: IsNotReady,
			says:    "key password of Secret pam-system/sps-credentials is not text in UTF-8",
			objects: []client.Object{broken(func(s *corev1.Secret) { s.Data["password"] = []byte("pass-\xa3") })},
		},
		"the username is a line end": {
			conn: spsConnection(), is: IsNotReady, says: "has no key username, or an empty one",
			objects: []client.Object{broken(func(s *corev1.Secret) { s.Data["username"] = []byte("\r\n") })},
		},
		"the Secret has an empty username": {
			conn: spsConnection(), is: IsNotReady, says: "has no key username, or an empty one",
			objects: []client.Object{broken(func(s *corev1.Secret) { s.Data["username"] = nil })},
		},
		"the CA does not exist": {
			conn: spsConnection(builder.TrustedCA("ca")), is: IsNotReady,
			says: "ConfigMap pam-system/ca does not exist", objects: []client.Object{credentials("a-password")},
		},
		"the CA is no certificate": {
			conn: spsConnection(builder.TrustedCA("ca")), is: IsInvalid,
			says:    "key ca.crt of ConfigMap pam-system/ca holds no PEM certificate",
			objects: []client.Object{credentials("a-password"), bundle("not a certificate")},
		},
		"the certificate for the log-in does not fit its key": {
			conn: spsConnection(), is: IsInvalid, says: "tls.crt holds no PEM certificate",
			objects: []client.Object{broken(func(s *corev1.Secret) {
				s.Data = map[string][]byte{"tls.crt": []byte("x"), "tls.key": []byte("canary-private-key")}
			})},
		},
		"the username cannot be sent": {
			conn: spsConnection(), is: IsInvalid, says: "colon",
			objects: []client.Object{broken(func(s *corev1.Secret) { s.Data["username"] = []byte("a:b") })},
		},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, append(c.objects, c.conn)...)
			_, err := w.pool().Connect(t.Context(), c.conn)
			if err == nil || !c.is(err) || !strings.Contains(err.Error(), c.says) {
				t.Errorf("%v, want it to say %q", err, c.says)
			}
			if err != nil && (strings.Contains(err.Error(), "a-password") || strings.Contains(err.Error(), "canary")) {
				t.Errorf("%v shows a secret", err)
			}
		})
	}
}

func TestConnectLogsInWithACertificate(t *testing.T) {
	ca, err := simulator.NewCA()
	if err != nil {
		t.Fatal(err)
	}
	pair, err := ca.ClientCertificate("operator")
	if err != nil {
		t.Fatal(err)
	}
	conn, secret := spsConnection(), credentials("")
	secret.Data = map[string][]byte{"tls.crt": pair.CertificatePEM, "tls.key": pair.PrivateKeyPEM}
	w := newWorld(t, conn, secret)
	cfg, err := w.pool().spsConfig(t.Context(), conn)
	if err != nil || !cfg.X509 || len(cfg.TLS.Certificates) != 1 || cfg.Username != "" {
		t.Errorf("X509 %v, %d certificates, user %q, %v", cfg.X509, len(cfg.TLS.Certificates), cfg.Username, err)
	}
}

func TestApplianceRefusesWhoIsNotPermittedAndWhatIsNotReady(t *testing.T) {
	settle := func(status metav1.ConditionStatus, generation int64) builder.Option {
		return builder.With(func(c *pamv1alpha1.SPSConnection) {
			c.Generation, c.Status.ObservedGeneration = 2, &generation
			c.Status.Conditions = []metav1.Condition{{
				Type: pamv1alpha1.ConditionReady, Status: status, Reason: "Unauthorized", Message: "the password is wrong",
			}}
		})
	}
	for name, c := range map[string]struct {
		conn *pamv1alpha1.SPSConnection
		from string
		is   func(error) bool
		says string
	}{
		"there is no such connection": {from: home, is: IsMissing, says: "SPSConnection pam-system/sps does not exist"},
		"another namespace is not allowed by default": {
			conn: spsConnection(settle(metav1.ConditionTrue, 2)), from: "other", is: IsNotPermitted, says: "allowedNamespaces",
		},
		"the connection was never tried": {conn: spsConnection(), from: home, is: IsNotReady, says: "not been tried"},
		"the spec is newer than the trial": {
			conn: spsConnection(settle(metav1.ConditionTrue, 1)), from: home, is: IsNotReady, says: "not been tried",
		},
		"the connection is not ready": {
			conn: spsConnection(settle(metav1.ConditionFalse, 2)), from: home, is: IsNotReady,
			says: "Unauthorized: the password is wrong",
		},
		"all is well": {conn: spsConnection(settle(metav1.ConditionTrue, 2)), from: home},
	} {
		t.Run(name, func(t *testing.T) {
			objects := []client.Object{credentials("a-password"), builder.Namespace(home), builder.Namespace("other")}
			if c.conn != nil {
				objects = append(objects, c.conn)
			}
			ref := pamv1alpha1.ConnectionReference{Name: "sps", Namespace: home}
			_, _, err := newWorld(t, objects...).pool().Appliance(t.Context(), ref, c.from, Use{})
			if c.is == nil {
				if err != nil {
					t.Error(err)
				}
				return
			}
			if err == nil || !c.is(err) || !strings.Contains(err.Error(), c.says) {
				t.Errorf("%v, want it to say %q", err, c.says)
			}
		})
	}
}

func TestConnectionsToOneApplianceShareAGate(t *testing.T) {
	a := spsConnection(builder.URL("https://SPS.example.com"))
	b := builder.SPSConnection("second", builder.InNamespace(home), builder.URL("https://sps.example.com:443/"))
	c := builder.SPSConnection("third", builder.InNamespace(home), builder.URL("https://other.example.com"))
	w := newWorld(t, a, b, c, credentials("a-password"))
	pool := w.pool()
	for _, conn := range []*pamv1alpha1.SPSConnection{a, b, c} {
		if _, err := pool.Connect(t.Context(), conn); err != nil {
			t.Fatal(err)
		}
	}
	users := map[string]int{}
	for url, shared := range pool.gates {
		users[url] = shared.users
	}
	if diff := cmp.Diff(map[string]int{"https://sps.example.com": 2, "https://other.example.com": 1}, users); diff != "" {
		t.Errorf("who uses the gate of which address: %s", diff)
	}
}

func TestSourcesAreIndexed(t *testing.T) {
	conn := builder.NPSConnection("nps", builder.InNamespace(home), builder.TrustedCA("ca"))
	app := conn.Spec.Auth.ApplicationUser
	want := []string{app.CredentialsSecretRef.Name, app.CertificateSecretRef.Name}
	got := SecretNames(conn)
	slices.Sort(want)
	slices.Sort(got)
	if !slices.Equal(want, got) || !slices.Equal(ConfigMapNames(conn), []string{"ca"}) {
		t.Errorf("Secrets %v, ConfigMaps %v", got, ConfigMapNames(conn))
	}
}
