// SPDX-License-Identifier: Apache-2.0

package sessions

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/pam-operator/pam-operator/internal/nps"
	"github.com/pam-operator/pam-operator/internal/simulator/fault"
	simnps "github.com/pam-operator/pam-operator/internal/simulator/nps"
)

// lab is a simulated server, and the Server that is tested against it.
func lab(t *testing.T, options simnps.Options) (*simnps.Server, *Server) {
	t.Helper()
	simulated := simnps.New(options)
	listener := httptest.NewTLSServer(simulated.Handler())
	t.Cleanup(listener.Close)
	roots := x509.NewCertPool()
	roots.AddCert(listener.Certificate())
	client, err := nps.New(nps.Config{
		URL: listener.URL, TLS: &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12},
		Auth: nps.User{Username: simnps.DefaultUserNoMFA, Password: simnps.DefaultPassword},
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(client.Close)
	return simulated, NewServer(ServerConfig{Client: client, Poller: NewPoller(nil)})
}

func ask(ctx context.Context, t *testing.T, s *Server, note string) string {
	t.Helper()
	session, err := s.Client().Create(ctx, nps.CreateRequest{
		ActivityName: "Linux root", ManagedResourceName: "db1.payments.example.com", Note: note,
	})
	if err != nil {
		t.Fatal(err)
	}
	return session.ID
}

func TestFindByNoteFindsTheLastWordInEveryStatus(t *testing.T) {
	simulated, server := lab(t, simnps.Options{})
	ctx := t.Context()
	want := map[string]bool{}
	for _, status := range []simnps.Status{
		simnps.ApprovalRequired, simnps.Pending, simnps.Active, simnps.Cancelling, simnps.Complete, simnps.Failed,
		simnps.Cancelled, simnps.ApprovalDenied,
	} {
		id := ask(ctx, t, server, "vacuum pam-operator/uid/1")
		if err := simulated.SetStatus(id, status); err != nil {
			t.Fatal(err)
		}
		want[id] = true
	}
	ask(ctx, t, server, "pam-operator/uid/12")
	ask(ctx, t, server, "another-pam-operator/uid/1")
	ask(ctx, t, server, `pam-operator/other/1 "pam-operator/uid/1"`)
	ask(ctx, t, server, "nothing")

	found, err := server.FindByNote(ctx, "pam-operator/uid/1")
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]bool{}
	for _, summary := range found {
		got[summary.ID] = true
	}
	if diff := cmp.Diff(want, got); diff != "" || len(found) != len(want) {
		t.Errorf("%d found, -want +got:\n%s", len(found), diff)
	}
}

func TestFindByNoteIsAllOrNothing(t *testing.T) {
	for _, list := range allLists {
		t.Run("the list "+string(list)+" fails", func(t *testing.T) {
			simulated, server := lab(t, simnps.Options{})
			ask(t.Context(), t, server, "pam-operator/uid/1")
			err := simulated.Faults().Set(fault.Rule{
				Name: "list", Path: "MySummaryByStatus/" + string(list), Status: 500,
			})
			if err != nil {
				t.Fatal(err)
			}
			if found, err := server.FindByNote(t.Context(), "pam-operator/uid/1"); err == nil {
				t.Errorf("got %d sessions and no error", len(found))
			}
		})
	}
}

func TestFindByNoteMissesNoSessionThatMovesOnMeanwhile(t *testing.T) {
	simulated, server := lab(t, simnps.Options{})
	id := ask(t.Context(), t, server, "pam-operator/uid/1")
	// Whenever a list is asked for, the session has just left it.
	life := []simnps.Status{
		simnps.ApprovalRequired, simnps.Pending, simnps.Active, simnps.Cancelling, simnps.Complete,
	}
	if err := simulated.SetStatus(id, life[0]); err != nil {
		t.Fatal(err)
	}
	simulated.Faults().OnRequest(func(r *http.Request) {
		for i, status := range life[:len(life)-1] {
			if strings.HasSuffix(r.URL.Path, "/"+status.String()) {
				_ = simulated.SetStatus(id, life[i+1])
			}
		}
	})
	found, err := server.FindByNote(t.Context(), "pam-operator/uid/1")
	if err != nil || len(found) != 1 {
		t.Errorf("found %d sessions, %v", len(found), err)
	}
}

const (
	windowsClone = "11111111-2222-3333-4444-555555555555"
	linuxClone   = "66666666-7777-8888-9999-000000000000"
)

func TestIsRDP(t *testing.T) {
	simulated, server := lab(t, simnps.Options{Platforms: []simnps.Platform{
		{ID: simnps.PlatformWindows, Name: "Windows"}, {ID: simnps.PlatformLinux, Name: "Linux"},
		{ID: windowsClone, Name: "Kiosk", BaseID: simnps.PlatformWindows},
		{ID: linuxClone, Name: "Router", BaseID: simnps.PlatformLinux},
	}})
	for name, c := range map[string]struct {
		platform string
		want     bool
		asked    int
	}{
		"Windows is known":                            {platform: simnps.PlatformWindows, want: true},
		"Active Directory is known":                   {platform: simnps.PlatformActiveDirectory, want: true},
		"no platform is no RDP":                       {},
		"Linux is asked for":                          {platform: simnps.PlatformLinux, asked: 1},
		"a clone of Windows is Windows":               {platform: windowsClone, want: true, asked: 1},
		"a clone of Linux is not":                     {platform: linuxClone, asked: 1},
		"one that the server does not know is no RDP": {platform: "00000000-0000-0000-0000-00000000000a", asked: 2},
	} {
		t.Run(name, func(t *testing.T) {
			simulated.Faults().ResetCalls()
			for range 2 {
				got, err := server.IsRDP(t.Context(), c.platform)
				if err != nil || got != c.want {
					t.Errorf("got %t, %v", got, err)
				}
			}
			if asked := simulated.Faults().Count("GET", "/Platform/"); asked != c.asked {
				t.Errorf("asked the server %d times, want %d", asked, c.asked)
			}
		})
	}
}

func TestIsRDPDoesNotGuessWhileTheServerIsInTrouble(t *testing.T) {
	simulated, server := lab(t, simnps.Options{})
	if err := simulated.Faults().Set(fault.Rule{Name: "platform", Path: "/Platform/", Status: 503}); err != nil {
		t.Fatal(err)
	}
	if _, err := server.IsRDP(t.Context(), simnps.PlatformLinux); err == nil {
		t.Error("got no error")
	}
	simulated.Faults().Clear()
	if rdp, err := server.IsRDP(t.Context(), simnps.PlatformLinux); rdp || err != nil {
		t.Errorf("got %t, %v once the server is well", rdp, err)
	}
}

func TestAnOffsetThatIsNoiseIsNotShown(t *testing.T) {
	for ahead, want := range map[time.Duration]string{
		0: "", 5 * time.Second: "", -3 * time.Second: "", 6 * time.Second: "6s",
		-400*time.Second - 300*time.Millisecond: "-6m40s",
	} {
		s := NewServer(ServerConfig{Poller: NewPoller(nil)})
		s.clock.Recall(ahead)
		got := ""
		if shown := s.ClockOffset(); shown != nil {
			got = shown.Duration.String()
		}
		if got != want {
			t.Errorf("%s is shown as %q, want %q", ahead, got, want)
		}
	}
}
