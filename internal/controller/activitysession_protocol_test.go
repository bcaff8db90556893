// SPDX-License-Identifier: Apache-2.0

package controller_test

import (
	"context"
	"maps"
	"slices"
	"strings"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	pamv1alpha1 "github.com/pam-operator/pam-operator/api/v1alpha1"
	simnps "github.com/pam-operator/pam-operator/internal/simulator/nps"
	"github.com/pam-operator/pam-operator/test/builder"
)

// Names of the simulator's catalogue.
const (
	windowsAdmin  = "Windows admin"
	windowsHost   = "win1.payments.example.com"
	domainHost    = "dc1.example.com"
	domainAdmin   = "Activity Token for Domain Admin Access"
	nightlyVacuum = "Nightly vacuum"
	customClone   = "11111111-2222-3333-4444-555555555555"
)

func protocol(p pamv1alpha1.Protocol) builder.Option {
	return builder.With(func(s *pamv1alpha1.ActivitySession) { s.Spec.Protocol = p })
}

func withPassword() builder.Option {
	return builder.With(func(s *pamv1alpha1.ActivitySession) {
		s.Spec.ConnectionSecret = &pamv1alpha1.ConnectionSecret{Password: pamv1alpha1.PasswordIfAllowed}
	})
}

func credential(name string) builder.Option {
	return builder.With(func(s *pamv1alpha1.ActivitySession) {
		s.Spec.Resource, s.Spec.Credential = nil, &pamv1alpha1.CredentialSelector{Name: name}
	})
}

// onWindows asks for a session on the simulator's Windows host.
func onWindows() builder.Option {
	return func(o client.Object) {
		builder.Activity(windowsAdmin)(o)
		builder.Resource(windowsHost)(o)
	}
}

var _ = Describe("The Secret of an ActivitySession", func() {
	ssh := []string{"host", "port", "protocol", "session-id", "ssh-config", "ssh-url", "username", "expires-at"}
	rdp := []string{"host", "port", "protocol", "session-id", "rdp", "username", "expires-at"}
	none := []string{"protocol", "session-id", "expires-at"}
	kiosk := simnps.Options{
		Platforms: []simnps.Platform{
			{ID: simnps.PlatformWindows, Name: "Windows"}, {ID: customClone, Name: "Kiosk", BaseID: simnps.PlatformWindows},
		},
		Resources: []simnps.Resource{{Name: "kiosk", PlatformID: customClone}},
		Policies:  []simnps.Policy{{Name: "Kiosk", Activities: []string{windowsAdmin}, Resources: []string{"kiosk"}}},
	}
	DescribeTable("holds what a consumer needs",
		func(
			ctx context.Context, server simnps.Options, want pamv1alpha1.Protocol, keys []string, options ...builder.Option,
		) {
			server.Switches.AutomationRuntime = simnps.Duration(time.Hour)
			s := newServerSite(ctx, server)
			session := s.activeSession(ctx, "session", options...)

			secret := secretOf(ctx, session)
			Expect(secret).NotTo(BeNil())
			Expect(slices.Collect(maps.Keys(secret.Data))).To(ConsistOf(keys))
			Expect(string(secret.Data["protocol"])).To(Equal(string(want)))
			Expect(string(secret.Data["session-id"])).To(Equal(session.Status.SessionID))
			Expect(string(secret.Data["expires-at"])).To(Equal(session.Status.ExpiresAt.UTC().Format(time.RFC3339)))
			Expect(session.Status.Protocol).To(Equal(want))
			Expect(session.Status.ConnectionSecretRef.Name).To(Equal(secret.Name))
			switch want {
			case pamv1alpha1.ProtocolSSH:
				Expect(string(secret.Data["host"]) + ":" + string(secret.Data["port"])).To(Equal("nps-proxy.lab.test:4422"))
				Expect(string(secret.Data["ssh-url"])).To(HavePrefix("ssh://"))
				Expect(string(secret.Data["ssh-config"])).To(ContainSubstring(`User "` + string(secret.Data["username"]) + `"`))
			case pamv1alpha1.ProtocolRDP:
				Expect(string(secret.Data["host"]) + ":" + string(secret.Data["port"])).To(Equal("nps-proxy.lab.test:4489"))
				Expect(string(secret.Data["rdp"])).To(ContainSubstring("username:s:" + string(secret.Data["username"])))
			}
		},
		Entry("of SSH on Linux", simnps.Options{}, pamv1alpha1.ProtocolSSH, ssh),
		Entry("of SSH on a platform cloned from Linux", simnps.Options{}, pamv1alpha1.ProtocolSSH, ssh,
			builder.Resource("appliance1")),
		Entry("of SSH with the password", simnps.Options{}, pamv1alpha1.ProtocolSSH, append([]string{"password"}, ssh...),
			withPassword()),
		Entry("of SSH without a password that the server keeps to itself", simnps.Options{}, pamv1alpha1.ProtocolSSH, ssh,
			builder.Activity("Linux break-glass"), withPassword()),
		Entry("of RDP on Windows", simnps.Options{}, pamv1alpha1.ProtocolRDP, rdp, onWindows()),
		Entry("of RDP on a domain", simnps.Options{}, pamv1alpha1.ProtocolRDP, rdp,
			builder.Activity(windowsAdmin), builder.Resource(domainHost)),
		Entry("of RDP on a platform cloned from Windows", kiosk, pamv1alpha1.ProtocolRDP, rdp,
			builder.Activity(windowsAdmin), builder.Resource("kiosk")),
		Entry("of RDP where the file has CRLF and a byte order mark", simnps.Options{Switches: simnps.Switches{
			ConnectionSwitches: simnps.ConnectionSwitches{RDPWithCRLF: true, RDPWithBOM: true},
		}}, pamv1alpha1.ProtocolRDP, rdp, onWindows()),
		Entry("of a website: nothing to connect with", simnps.Options{}, pamv1alpha1.ProtocolNone, none,
			builder.Activity("Website admin"), builder.Resource("portal.example.com")),
		Entry("of a task automation: nobody connects", simnps.Options{}, pamv1alpha1.ProtocolNone, none,
			builder.Activity(nightlyVacuum)),
		Entry("of a credential: its user name and password", simnps.Options{}, pamv1alpha1.ProtocolNone,
			append([]string{"username", "password"}, none...),
			builder.Activity("Credential Release"), credential("svc-backup"), withPassword()),
		Entry("of a credential whose password nobody asked for", simnps.Options{}, pamv1alpha1.ProtocolNone, none,
			builder.Activity("Credential Release"), credential("svc-backup")),
		Entry("of SSH where the protocol is asked for", simnps.Options{}, pamv1alpha1.ProtocolSSH, ssh,
			protocol(pamv1alpha1.ProtocolSSH)),
		Entry("of nothing where that is asked for", simnps.Options{}, pamv1alpha1.ProtocolNone, none,
			protocol(pamv1alpha1.ProtocolNone)),
	)

	It("holds a released credential's user name and password", func(ctx context.Context) {
		s := newServerSite(ctx, simnps.Options{})
		session := s.activeSession(ctx, "release", builder.Activity("Credential Release"), credential("svc-backup"),
			withPassword())
		Expect(value(ctx, session, "username")()).To(Equal("svc-backup"))
		Expect(value(ctx, session, "password")()).To(Equal("released backup password"))
	})

	It("is of our own type and belongs to the session", func(ctx context.Context) {
		s := newServerSite(ctx, simnps.Options{})
		session := s.activeSession(ctx, "session", builder.With(func(s *pamv1alpha1.ActivitySession) {
			s.Spec.ConnectionSecret = &pamv1alpha1.ConnectionSecret{Name: "db-session"}
		}))
		secret := secretOf(ctx, session)
		Expect(secret.Name).To(Equal("db-session"))
		Expect(secret.Type).To(BeEquivalentTo(pamv1alpha1.SecretTypeConnection))
		Expect(metav1.IsControlledBy(secret, session)).To(BeTrue())
	})

	It("is there while a task automation runs, and gone when it has completed by itself", func(ctx context.Context) {
		s := newServerSite(ctx, simnps.Options{})
		session := s.session(ctx, "vacuum", builder.Activity(nightlyVacuum))
		eventuallyPhase(ctx, session, pamv1alpha1.SessionCompleted)
		Expect(ready(ctx, session)()).To(Equal("True Completed"))
		Expect(secretOf(ctx, session)).To(BeNil())
		Expect(s.nps.Stats().RDPs + s.nps.Stats().SSHs).To(BeZero())
	})

	It("of every session of a dozen is its own", func(ctx context.Context) {
		s := newServerSite(ctx, simnps.Options{})
		var sessions []*pamv1alpha1.ActivitySession
		for _, name := range strings.Split("abcdefghijkl", "") {
			sessions = append(sessions, s.session(ctx, "session-"+name, onWindows()))
		}
		files := map[string]bool{}
		for _, session := range sessions {
			eventuallyReady(ctx, session)
			files[value(ctx, session, "rdp")()] = true
			Expect(value(ctx, session, "session-id")()).To(Equal(session.Status.SessionID))
		}
		Expect(files).To(HaveLen(len(sessions)))
		Expect(s.nps.Stats().Creates).To(Equal(len(sessions)))
	})
})
