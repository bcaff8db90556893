// SPDX-License-Identifier: Apache-2.0

package contract_test

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/pam-operator/pam-operator/internal/nps"
	simnps "github.com/pam-operator/pam-operator/internal/simulator/nps"
)

const (
	proxyHost = "nps-proxy.lab.test"
	rdpPort   = 4489
	sshPort   = 4422
)

func TestNPSConnectionOfASession(t *testing.T) {
	onEveryNPS(t, func(s *server) {
		session := s.active(s.ordinary())
		if s.platform(session).IsRDP() {
			s.rdpTarget(session.ID)
		} else {
			s.sshTarget(session.ID)
		}
	})
}

// rdpTarget fetches and parses the RDP file of a session.
func (s *server) rdpTarget(id string) nps.RDPTarget {
	s.Helper()
	file, err := s.client.RDPFile(s.Context(), id)
	s.must(err)
	target, err := nps.ParseRDPFile(file)
	s.must(err)
	if target.Host == "" || target.Port == 0 {
		s.Errorf("host %q, port %d", target.Host, target.Port)
	}
	return target
}

// sshTarget fetches and parses the SSH URL of a session.
func (s *server) sshTarget(id string) nps.SSHTarget {
	s.Helper()
	raw, err := s.client.SSHURL(s.Context(), id)
	s.must(err)
	target, err := nps.ParseSSHURL(raw)
	s.must(err)
	if target.Host == "" || target.Port == 0 || target.User == "" {
		s.Errorf("host %q, port %d, user of %d letters", target.Host, target.Port, len(target.User))
	}
	return target
}

func TestNPSConnectionByPlatform(t *testing.T) {
	const rdp, ssh, none = "RDP", "SSH", "neither"
	tests := map[string]struct {
		request nps.CreateRequest
		want    string
	}{
		"Windows":                    {ask("Windows admin", windowsHost), rdp},
		"Active Directory":           {ask("Windows admin", domainHost), rdp},
		"Linux":                      {ask(linuxRoot, linuxHost), ssh},
		"a clone of Linux":           {ask(linuxRoot, clonedHost), ssh},
		"a website":                  {ask("Website admin", websiteHost), none},
		"a credential":               {nps.CreateRequest{ActivityName: released, CredentialName: "oracle-sys"}, none},
		"a task that runs by itself": {ask("Nightly vacuum", linuxHost), none},
	}
	onSimulatedNPS(t, needsCatalogue, func(s *server) {
		for name, tc := range tests {
			s.run(name, func(s *server) {
				session := s.active(tc.request)
				if platform := s.platformOrNone(session); platform.IsRDP() != (tc.want == rdp) {
					s.Errorf("platform %+v is reached by RDP: %t", platform, platform.IsRDP())
				}
				if tc.want == rdp {
					got := s.rdpTarget(session.ID)
					if got.Host != proxyHost || got.Port != rdpPort || len(got.Username) < 16 {
						s.Errorf("host %q, port %d, token of %d letters", got.Host, got.Port, len(got.Username))
					}
				} else {
					_, err := s.client.RDPFile(s.Context(), session.ID)
					s.want("final", isFinal, err)
				}
				if tc.want == ssh {
					want := nps.SSHTarget{
						User: "k8s+Linux_root+" + tc.request.ManagedResourceName, Host: proxyHost, Port: sshPort,
					}
					if diff := cmp.Diff(want, s.sshTarget(session.ID)); diff != "" {
						s.Errorf("target (-want +got):\n%s", diff)
					}
				} else {
					_, err := s.client.SSHURL(s.Context(), session.ID)
					s.want("final", isFinal, err)
				}
			})
		}
	})
}

// platformOrNone returns the platform of a session; a credential has none.
func (s *server) platformOrNone(session nps.Session) nps.Platform {
	s.Helper()
	if session.ManagedResource == nil {
		return nps.Platform{}
	}
	return s.platform(session)
}

func TestNPSFormsOfConnectionData(t *testing.T) {
	forms := map[string]func(*simnps.Switches){
		"with line ends of Windows": func(sw *simnps.Switches) { sw.RDPWithCRLF = true },
		"with a byte order mark":    func(sw *simnps.Switches) { sw.RDPWithBOM = true },
		"with both, as text": func(sw *simnps.Switches) {
			sw.RDPWithCRLF, sw.RDPWithBOM, sw.TextFormat = true, true, simnps.TextPlain
		},
		"as asked for": func(sw *simnps.Switches) { sw.TextFormat = simnps.TextNegotiated },
		"with a token": func(sw *simnps.Switches) { sw.SSHTokenUser = true },
	}
	for name, form := range forms {
		t.Run(name, func(t *testing.T) {
			onSimulatedNPS(t, needsSwitches, func(s *server) {
				s.set(form)
				s.wantConnections(simnps.DefaultApplication)
				s.client = s.connect(as(plainUser()))
				s.wantConnections(simnps.DefaultUserNoMFA)
			})
		})
	}
}

// wantConnections fetches an SSH URL and two RDP files, each with a token of its own.
func (s *server) wantConnections(login string) {
	s.Helper()
	first := s.rdpTarget(s.active(ask("Windows admin", windowsHost)).ID)
	second := s.rdpTarget(s.active(ask("Windows admin", windowsHost)).ID)
	if first.Host != proxyHost || first.Port != rdpPort || first.Username == second.Username {
		s.Errorf("host %q, port %d; the tokens differ: %t", first.Host, first.Port, first.Username != second.Username)
	}
	got := s.sshTarget(s.active(ask(linuxRoot, linuxHost)).ID).User
	want := login + "+Linux_root+" + linuxHost
	if s.sim.Switches().SSHTokenUser {
		if strings.Contains(got, "+") || len(got) < 16 {
			s.Errorf("user %q, want a token", got)
		}
	} else if got != want {
		s.Errorf("user %q, want %q", got, want)
	}
}

func TestNPSConnectionOfAUserByPrincipalName(t *testing.T) {
	user := simnps.User{Login: "svc@lab.example.com", Password: simnps.DefaultPassword}
	s := simulatedNPS(t, simnps.Options{Users: []simnps.User{user}})
	s.client = s.connect(as(nps.User{Username: user.Login, Password: user.Password}))
	s.wantConnections(user.Login)
}

// TestNPSConnectionOfASessionThatIsNotReady fetches too early, too late, and while the session is locked.
func TestNPSConnectionOfASessionThatIsNotReady(t *testing.T) {
	moments := map[string]func(s *server, id string){
		"before it is active":  func(s *server, id string) { s.must(s.sim.SetStatus(id, simnps.Pending)) },
		"while it is locked":   func(s *server, id string) { s.must(s.sim.Lock(id, true)) },
		"while it ends":        func(s *server, id string) { s.must(s.sim.SetStatus(id, simnps.Cancelling)) },
		"after its end":        func(s *server, _ string) { s.clock.Step(20 * time.Hour) },
		"in an unknown state":  func(s *server, id string) { s.must(s.sim.SetStatus(id, "Frozen")) },
		"after it was removed": func(s *server, id string) { s.must(s.sim.Purge(id)) },
	}
	onSimulatedNPS(t, needsFaults, func(s *server) {
		for moment, reach := range moments {
			session := s.active(s.ordinary())
			reach(s, session.ID)
			for what, fetch := range map[string]func() error{
				"the SSH URL":  func() error { _, err := s.client.SSHURL(s.Context(), session.ID); return err },
				"the RDP file": func() error { _, err := s.client.RDPFile(s.Context(), session.ID); return err },
				"the password": func() error { _, err := s.client.Password(s.Context(), session.ID); return err },
			} {
				s.want(what+" refused "+moment, isFinal, fetch())
			}
		}
		locked := s.active(s.ordinary())
		s.must(s.sim.Lock(locked.ID, true))
		if got := s.wantStatus(locked.ID, nps.StatusActive); !got.Locked {
			s.Error("the session does not say that it is locked")
		}
		s.must(s.sim.Lock(locked.ID, false))
		s.sshTarget(locked.ID)
	})
}

func TestNPSPassword(t *testing.T) {
	tests := map[string]struct {
		request nps.CreateRequest
		want    string // its beginning; empty if it must not be visible
	}{
		"a resource whose profile allows it":  {ask(linuxRoot, linuxHost), "simulated-"},
		"a resource whose profile forbids it": {ask("Linux break-glass", linuxHost), ""},
		"a credential, which is always shown": {
			nps.CreateRequest{ActivityName: released, CredentialName: "svc-backup"}, "released backup",
		},
		"a credential by its account": {
			nps.CreateRequest{ActivityName: released, CredentialUsername: "sys"}, "released oracle",
		},
	}
	for _, format := range []simnps.TextFormat{simnps.TextJSON, simnps.TextPlain, simnps.TextNegotiated} {
		t.Run(string(format), func(t *testing.T) {
			onSimulatedNPS(t, needsCatalogue, func(s *server) {
				s.set(func(sw *simnps.Switches) { sw.TextFormat = format })
				for name, tc := range tests {
					s.run(name, func(s *server) { s.password(tc.request, tc.want) })
				}
			})
		})
	}
}

func (s *server) password(request nps.CreateRequest, want string) {
	s.Helper()
	session := s.active(request)
	can, err := s.client.CanViewPassword(s.Context(), session.ID)
	s.must(err)
	password, err := s.client.Password(s.Context(), session.ID)
	if can != (want != "") {
		s.Errorf("the password can be seen: %t", can)
	}
	if want == "" {
		s.want("final", isFinal, err)
		return
	}
	s.must(err)
	if !strings.HasPrefix(password, want) || strings.ContainsAny(password, "\"\n") {
		s.Errorf("password of %d letters, want one that begins with %q", len(password), want)
	}
}
