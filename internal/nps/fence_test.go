// SPDX-License-Identifier: Apache-2.0

package nps

import (
	"errors"
	"net/http"
	"slices"
	"testing"

	"github.com/pam-operator/pam-operator/internal/rest"
)

// TestFence makes another manager take over, even during a slow sign-in.
func TestFence(t *testing.T) {
	const (
		create = "POST " + sessionPath
		extend = "POST " + sessionPath + "/x/Extend"
		end    = "DELETE " + sessionPath + "/x"
	)
	var deposed error
	server := newRecorder().on(create, reply(http.StatusCreated, `{"id":"x"}`)).
		on(extend, reply(http.StatusOK, `{"id":"x"}`)).on(end, reply(http.StatusOK, ""))
	server.on(appSignIn, func(w http.ResponseWriter, req *http.Request) {
		deposed = errors.New("somebody else leads")
		server.giveToken(w, req)
	})
	client, err := newClient(Config{
		URL: "https://nps.example.com:6500", Auth: appUser(), Fence: func() error { return deposed },
	}, server)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(client.Close)
	request := CreateRequest{ActivityName: "a", ManagedResourceName: "r"}
	_, createErr := client.Create(t.Context(), request)
	_, extendErr := client.Extend(t.Context(), "x", 5)
	for name, err := range map[string]error{"create": createErr, "extend": extendErr} {
		if !errors.Is(err, deposed) || rest.IsOutcomeUnknown(err) || rest.IsRejected(err) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if seen := server.seen(); slices.Contains(seen, create) || slices.Contains(seen, extend) {
		t.Errorf("requests %v", seen)
	}
	if err := client.End(t.Context(), "x"); err != nil {
		t.Errorf("a session cannot be ended: %v", err)
	}
	deposed = nil
	if _, err := client.Create(t.Context(), request); err != nil {
		t.Error(err)
	}
}
