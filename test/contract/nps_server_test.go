// SPDX-License-Identifier: Apache-2.0

package contract_test

import (
	"cmp"
	"context"
	"crypto/tls"
	"os"
	"testing"
	"time"

	clocktesting "k8s.io/utils/clock/testing"

	"github.com/pam-operator/pam-operator/internal/nps"
	"github.com/pam-operator/pam-operator/internal/rest"
	"github.com/pam-operator/pam-operator/internal/simulator"
	"github.com/pam-operator/pam-operator/internal/simulator/fault"
	simnps "github.com/pam-operator/pam-operator/internal/simulator/nps"
)

// The simulator's catalogue objects that most cases use.
const (
	linuxRoot   = "Linux root"
	linuxHost   = "db1.payments.example.com"
	windowsHost = "win1.payments.example.com"
	domainHost  = "dc1.example.com"
	clonedHost  = "appliance1"
	websiteHost = "portal.example.com"
	released    = "Credential Release"
	withWaiting = "Activity Token for Domain Admin Access" // requires approval
)

// provisioning is how long the simulator takes to start or end a session.
const provisioning = 50 * time.Millisecond

// server is what a case runs against.
type server struct {
	*testing.T
	config nps.Config
	client *nps.Client
	// request is for a session that can be connected to; empty if a real server has none for us.
	request nps.CreateRequest
	// The rest exists only for the simulator.
	sim         *simnps.Server
	clock       *clocktesting.FakeClock
	certificate tls.Certificate
}

// onEveryNPS runs a case against the simulator and, if there is one, the real server.
func onEveryNPS(t *testing.T, run func(s *server)) {
	t.Helper()
	if os.Getenv("NPS_URL") != "" {
		t.Run("real", func(t *testing.T) { run(realNPS(t)) })
	}
	t.Run("simulated", func(t *testing.T) { run(simulatedNPS(t, simnps.Options{})) })
}

// onSimulatedNPS runs a case against the simulator, and gives the reason why not against a real server.
func onSimulatedNPS(t *testing.T, whyNotReal string, run func(s *server)) {
	t.Helper()
	if os.Getenv("NPS_URL") != "" {
		t.Run("real", func(t *testing.T) { t.Skip(whyNotReal) })
	}
	t.Run("simulated", func(t *testing.T) { run(simulatedNPS(t, simnps.Options{})) })
}

// Reasons of onSimulatedNPS that several cases share; others are those of SPS.
const (
	locksAccount   = "five refused log-ins lock the account"
	notReal        = "would take minutes, or end the log-ins of others"
	needsCatalogue = "needs the activities, resources and policies of the simulator"
)

func simulatedNPS(t *testing.T, o simnps.Options) *server {
	t.Helper()
	s := &server{T: t, clock: newClock(), request: ask(linuxRoot, linuxHost)}
	o.Now = s.clock.Now
	s.sim = simnps.New(o)
	running := host(t, simulator.Listener{Name: "nps", Handler: s.sim.Handler()})
	s.certificate = running.Client().TLS
	s.config = nps.Config{
		URL: running.URL("nps"), TLS: trust(t, s.certificate), UserAgent: userAgent, Now: s.clock.Now,
		Auth: nps.ApplicationUser{Login: simnps.DefaultApplication, APIKey: simnps.DefaultAPIKey},
	}
	s.client = s.connect()
	return s
}

func realNPS(t *testing.T) *server {
	t.Helper()
	s := &server{T: t}
	s.config = nps.Config{
		URL: os.Getenv("NPS_URL"), TLS: trustFile(t, os.Getenv("NPS_CA_FILE")), UserAgent: userAgent,
		Auth: nps.User{
			Username: os.Getenv("NPS_USERNAME"), Password: os.Getenv("NPS_PASSWORD"),
			TOTPSecret: os.Getenv("NPS_TOTP_SECRET"), MFACode: os.Getenv("NPS_MFA_CODE"),
		},
	}
	if application := os.Getenv("NPS_APPLICATION"); application != "" {
		pair, err := tls.LoadX509KeyPair(os.Getenv("NPS_CERT_FILE"), os.Getenv("NPS_KEY_FILE"))
		if err != nil {
			t.Fatal(err)
		}
		s.config.TLS.Certificates = []tls.Certificate{pair}
		s.config.Auth = nps.ApplicationUser{
			Login: application, APIKey: os.Getenv("NPS_API_KEY"), SerialNumber: os.Getenv("NPS_SERIAL_NUMBER"),
		}
	}
	if activity, resource := os.Getenv("NPS_ACTIVITY"), os.Getenv("NPS_RESOURCE"); activity != "" && resource != "" {
		s.request = ask(activity, resource)
	}
	s.client = s.connect()
	return s
}

func (s *server) isReal() bool { return s.sim == nil }

// run runs a subtest, which fails by itself.
func (s *server) run(name string, run func(s *server)) {
	s.Run(name, func(t *testing.T) {
		in := *s
		in.T = t
		run(&in)
	})
}

// connect creates another client, with changes to the valid configuration.
func (s *server) connect(change ...func(*nps.Config)) *nps.Client {
	s.Helper()
	cfg := s.config
	for _, c := range change {
		c(&cfg)
	}
	client, err := nps.New(cfg)
	if err != nil {
		s.Fatal(err)
	}
	s.Cleanup(client.Close)
	return client
}

// as switches to another user's credentials.
func as(auth nps.Auth) func(*nps.Config) { return func(c *nps.Config) { c.Auth = auth } }

// Users of the simulator's catalogue.
func totpUser() nps.User {
	return nps.User{
		Username: simnps.DefaultUser, Password: simnps.DefaultPassword, TOTPSecret: simnps.DefaultTOTPSecret,
	}
}

func plainUser() nps.User {
	return nps.User{Username: simnps.DefaultUserNoMFA, Password: simnps.DefaultPassword}
}

func admin() nps.User {
	return nps.User{Username: simnps.DefaultAdmin, Password: simnps.DefaultPassword, MFACode: simnps.DefaultMFACode}
}

func (s *server) must(err error) {
	s.Helper()
	if err != nil {
		s.Fatal(err)
	}
}

// want fails the test unless the error is of the given kind.
func (s *server) want(nature string, is func(error) bool, err error) {
	s.Helper()
	if !is(err) {
		s.Fatalf("error %v, want one that is %s", err, nature)
	}
}

func (s *server) set(change func(*simnps.Switches)) { s.sim.SetSwitches(change) }

// fail makes the simulator fail.
func (s *server) fail(rule fault.Rule) {
	s.Helper()
	s.must(s.sim.Faults().Set(rule))
}

// ask is the smallest request for a session.
func ask(activity, resource string) nps.CreateRequest {
	return nps.CreateRequest{ActivityName: activity, ManagedResourceName: resource}
}

// create requests a session, which the test does not leave behind on a real server.
func (s *server) create(request nps.CreateRequest) nps.Session {
	s.Helper()
	created, err := s.client.Create(s.Context(), request)
	s.must(err)
	if created.ID == "" {
		s.Fatal("the session has no ID")
	}
	if s.isReal() {
		s.Cleanup(func() { s.endLater(created.ID) })
	}
	return created
}

// endLater ends a session even after the context of the test has ended.
func (s *server) endLater(id string) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(s.Context()), time.Minute)
	defer cancel()
	if err := s.client.End(ctx, id); err != nil {
		s.Errorf("session %s was left behind: %v", id, err)
	}
}

// ordinary is the request for a session that can be connected to, with a unique note.
func (s *server) ordinary() nps.CreateRequest {
	s.Helper()
	if s.request.ActivityName == "" {
		s.Skip("NPS_ACTIVITY and NPS_RESOURCE are not set")
	}
	request := s.request
	request.Note = "contract test " + uniqueName("note")
	return request
}

// get reads a session.
func (s *server) get(id string) nps.Session {
	s.Helper()
	session, err := s.client.Get(s.Context(), id)
	s.must(err)
	return session
}

// wantStatus compares the state of a session.
func (s *server) wantStatus(id string, want nps.Status) nps.Session {
	s.Helper()
	session := s.get(id)
	if session.Status != want {
		s.Fatalf("the session is %s, want %s", session.Status, want)
	}
	return session
}

// active requests a session and returns it once it is active: at once where the test moves the clock.
func (s *server) active(request nps.CreateRequest) nps.Session {
	s.Helper()
	created := s.create(request)
	if s.isReal() {
		return s.poll(created.ID)
	}
	s.clock.Step(provisioning)
	return s.wantStatus(created.ID, nps.StatusActive)
}

// poll polls a real server until a session is active; there is no other way.
func (s *server) poll(id string) nps.Session {
	s.Helper()
	ctx, cancel := context.WithTimeout(s.Context(), 5*time.Minute)
	defer cancel()
	next := time.NewTicker(5 * time.Second)
	defer next.Stop()
	for {
		session := s.get(id)
		switch {
		case session.Status == nps.StatusActive:
			return session
		case session.Status.Terminal():
			s.Fatalf("the session is %s: %s", session.Status, session.StatusDescription)
		}
		select {
		case <-next.C:
		case <-ctx.Done():
			s.Skipf("the session is still %s", session.Status)
		}
	}
}

// isFinal reports whether an error of a create is caused by the request or the policy, so that repeating it is useless.
func isFinal(err error) bool {
	refused := rest.IsRejected(err) || rest.IsNotFound(err) || rest.IsForbidden(err) || rest.IsConflict(err)
	return refused && !rest.IsOutcomeUnknown(err)
}

// wantSessions checks how many sessions the server has, whatever the client was told.
func (s *server) wantSessions(want int) {
	s.Helper()
	if got := len(s.sim.Sessions()); got != want {
		s.Fatalf("the server has %d sessions, want %d", got, want)
	}
}

// byNote finds sessions in a list by their note.
func (s *server) byNote(filter nps.StatusFilter, note string) []nps.Summary {
	s.Helper()
	found, err := s.client.ListMine(s.Context(), filter, note)
	s.must(err)
	return found
}

// platform returns the platform of a session's resource.
func (s *server) platform(session nps.Session) nps.Platform {
	s.Helper()
	platform, err := s.client.Platform(s.Context(), session.PlatformID())
	if err != nil && s.isReal() {
		return nps.Platform{ID: cmp.Or(session.PlatformID(), nps.PlatformLinux)} // the endpoint is not documented
	}
	s.must(err)
	return platform
}
