// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"net/http"
	"strings"
	"sync"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	pamv1alpha1 "github.com/pam-operator/pam-operator/api/v1alpha1"
	"github.com/pam-operator/pam-operator/internal/simulator"
	"github.com/pam-operator/pam-operator/internal/simulator/fault"
	simnps "github.com/pam-operator/pam-operator/internal/simulator/nps"
	simsps "github.com/pam-operator/pam-operator/internal/simulator/sps"
	"github.com/pam-operator/pam-operator/test/builder"
	"github.com/pam-operator/pam-operator/test/collector"
)

// What is planted: a text for every secret that users give the operator. They contain characters that JSON and URLs
// escape.
const (
	canaryNPSPassword   = `canary-password-of-the-"user"`
	canaryWrongPassword = `canary-password-that-is-wrong&old`
	canaryTOTPSecret    = "MNQW4YLSPEWXG5DFOAWXIZLTOQWW63DE"
	canaryCode          = "canary-424242"
	canaryAPIKey        = `canary\api\key<1>`
	canaryUserPassword  = `canary-password-of-a-local-user`
	canaryReleased      = `canary-password-that-is-released`
)

// canaries is a scenario in which every secret passes through the manager, and servers echo them in their errors.
type canaries struct {
	*testing.T
	*plants

	cluster   *cluster
	manager   *manager
	traces    *collector.Collector
	namespace string
	sps       *spsSite
	nps       *simnps.Server
	in        builder.Option
	// tokens are those of the NPS server.
	tokens sync.Map
}

// TestNoSecretIsShown has the manager use every kind of secret, at its most verbose, with servers that quote them, and
// then searches every readable place: each line of its log, its metrics, its traces, and every object in the cluster
// except the Secret that should hold it.
func TestNoSecretIsShown(t *testing.T) {
	t.Parallel() // mostly waiting
	c := theCluster(t)
	s := &canaries{T: t, plants: newPlants(), cluster: c, namespace: c.newNamespace("canaries")}
	s.in = builder.InNamespace(s.namespace)
	s.manager = newManager(t, c, s.namespace)
	metrics := freeAddress(t)
	s.traces = collector.Start(t)
	s.manager.arguments = []string{
		"--zap-log-level=10", "--metrics-bind-address=" + metrics, "--metrics-secure=false",
		"--tracing-endpoint=" + s.traces.Endpoint, "--tracing-insecure", "--tracing-sample-ratio=1",
	}
	s.serve()
	s.manager.start(t)
	s.signIn()
	s.useSPS()
	s.openSessions()
	s.provoke()
	s.search(metrics)
	s.endSessions()
	s.search(metrics)
	s.manager.stop(t)
	s.searchTraces() // the manager has sent the last of them
}

// serve starts both servers, and creates the Secrets.
func (s *canaries) serve() {
	s.Helper()
	s.sps = newSPSSite(s.T, s.cluster, s.namespace, simsps.Options{})
	s.nps = simnps.New(simnps.Options{
		Users: []simnps.User{
			{Login: `LAB\coded`, Password: canaryNPSPassword, TOTPSecret: canaryTOTPSecret},
			{Login: `LAB\fixed`, Password: canaryNPSPassword, MFACode: canaryCode},
		},
		Applications: []simnps.Application{{Login: "app", APIKey: canaryAPIKey}},
		Credentials: []simnps.Credential{
			{Name: "svc-backup", Username: "svc-backup", Domain: "LAB", Password: canaryReleased},
		},
		Switches: simnps.Switches{ConnectionSwitches: simnps.ConnectionSwitches{SSHTokenUser: true}},
	})
	running, err := simulator.Serve(s.Context(), simulator.Config{
		Listeners: []simulator.Listener{{Name: "nps", Handler: s.eavesdrop(s.nps.Handler())}},
	})
	if err != nil {
		s.Fatal(err)
	}
	ca := &corev1.ConfigMap{Data: map[string]string{"ca.crt": string(running.CA().CertificatePEM())}}
	ca.APIVersion, ca.Kind, ca.Namespace, ca.Name = "v1", "ConfigMap", s.namespace, "nps-ca"
	pair := running.Client()
	certificate := s.secret("app-certificate", map[string]string{
		corev1.TLSCertKey: string(pair.CertificatePEM), corev1.TLSPrivateKeyKey: string(pair.PrivateKeyPEM),
	})
	builder.Type(corev1.SecretTypeTLS)(certificate)
	builder.ReadBy("NPSConnection")(certificate)
	s.plant("app-certificate", strings.Split(strings.TrimSpace(string(pair.PrivateKeyPEM)), "\n")[1:3]...)
	s.cluster.apply(s.T, ca, certificate,
		s.secret("coded", map[string]string{
			"username": `LAB\coded`, "password": canaryNPSPassword, "totpSecret": canaryTOTPSecret,
		}),
		s.secret("fixed", map[string]string{"username": `LAB\fixed`, "password": canaryNPSPassword, "mfaCode": canaryCode}),
		s.secret("wrong", map[string]string{"username": `LAB\fixed`, "password": canaryWrongPassword}),
		s.secret("app", map[string]string{"login": "app", "apiKey": canaryAPIKey}),
		s.secret("alice", map[string]string{"password": canaryUserPassword}),
	)
	for _, name := range []string{"coded", "fixed"} {
		s.plant(name, canaryNPSPassword)
	}
	s.plant("coded", canaryTOTPSecret)
	s.plant("fixed", canaryCode)
	s.plant("wrong", canaryWrongPassword)
	s.plant("app", canaryAPIKey)
	s.plant("alice", canaryUserPassword)
	s.plant(builder.SPSCredentials, spsPassword)
	s.connect(running.URL("nps"))
}

// connect creates a connection for each kind of log-in.
func (s *canaries) connect(url string) {
	s.Helper()
	fast := builder.With(func(c *pamv1alpha1.NPSConnection) {
		c.Spec.Polling = &pamv1alpha1.NPSPolling{
			Starting: &metav1.Duration{Duration: 2 * proofPoll}, Active: &metav1.Duration{Duration: 10 * proofPoll},
		}
	})
	common := []builder.Option{s.in, builder.URL(url), builder.TrustedCA("nps-ca"), fast}
	for _, name := range []string{"coded", "fixed", "wrong"} {
		s.cluster.apply(s.T, builder.NPSConnection(name, append(common, builder.UserSignIn(),
			builder.With(func(c *pamv1alpha1.NPSConnection) { c.Spec.Auth.User.CredentialsSecretRef.Name = name }))...))
	}
	s.cluster.apply(s.T, builder.NPSConnection("app", append(common,
		builder.With(func(c *pamv1alpha1.NPSConnection) {
			c.Spec.Auth.ApplicationUser.CredentialsSecretRef.Name = "app"
			c.Spec.Auth.ApplicationUser.CertificateSecretRef.Name = "app-certificate"
		}))...))
}

func (s *canaries) secret(name string, content map[string]string) *corev1.Secret {
	return builder.Secret(name, content, s.in)
}

// signIn is step 1: three log-ins succeed, and one is refused with a message that quotes its password.
func (s *canaries) signIn() {
	s.Helper()
	for name, want := range map[string]string{
		"coded": "True Synced", "fixed": "True Synced", "app": "True Synced", "wrong": "False Unauthorized",
	} {
		s.reaches(builder.NPSConnection(name, s.in), want)
	}
}

// useSPS is step 2: a local user is refused with a message that quotes the password, and then created.
func (s *canaries) useSPS() {
	s.Helper()
	s.reaches(builder.SPSConnection(builder.DefaultSPSConnection, s.in), "True Synced")
	err := s.sps.Faults().Set(fault.Rule{
		Name: "users", Method: http.MethodPost, Path: "users", Status: http.StatusBadRequest,
		Body: refusalThatQuotes(s.T, canaryUserPassword, spsPassword),
	})
	if err != nil {
		s.Fatal(err)
	}
	alice := builder.LocalUser("alice", s.in, builder.PasswordFrom("alice"))
	s.cluster.apply(s.T, alice)
	s.reaches(alice, "False Rejected")
	s.sps.Faults().Remove("users")
	// What was refused is tried again in minutes, or when its connection is asked.
	s.cluster.kubectl(s.T, "", "annotate", "--namespace="+s.namespace, "spsconnection/"+builder.DefaultSPSConnection,
		pamv1alpha1.AnnotationReconcileRequestedAt+"=again")
	s.reaches(alice, "True Synced")
	for _, secret := range s.sps.secrets(s.T) {
		s.plantAnywhere(secret)
	}
}
