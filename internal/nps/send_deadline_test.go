// SPDX-License-Identifier: Apache-2.0

package nps

import (
	"errors"
	"net/http"
	"slices"
	"testing"
	"time"

	"github.com/pam-operator/pam-operator/internal/rest"
)

func TestWithSendDeadline(t *testing.T) {
	const create = "POST " + sessionPath
	tests := map[string]struct {
		left   time.Duration
		signIn time.Duration // how long it takes
		sent   bool
	}{
		"in time":                     {left: time.Minute, sent: true},
		"too late from the beginning": {left: -time.Second},
		"too late because the sign-in took its time": {left: 50 * time.Millisecond, signIn: 60 * time.Millisecond},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			server := newRecorder().on(create, reply(http.StatusCreated, `{"id":"x"}`))
			server.on(appSignIn, func(w http.ResponseWriter, req *http.Request) {
				<-time.After(tt.signIn)
				server.giveToken(w, req)
			})
			client := connect(t, server, appUser())
			ctx := WithSendDeadline(t.Context(), time.Now().Add(tt.left))
			_, err := client.Create(ctx, CreateRequest{ActivityName: "a", ManagedResourceName: "r"})
			if tt.sent != (err == nil) || tt.sent == errors.Is(err, ErrSendDeadline) || rest.IsOutcomeUnknown(err) {
				t.Errorf("got %v", err)
			}
			if sent := slices.Contains(server.seen(), create); sent != tt.sent {
				t.Errorf("requests %v", server.seen())
			}
		})
	}
}
