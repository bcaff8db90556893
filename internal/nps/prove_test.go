// SPDX-License-Identifier: Apache-2.0

package nps

import (
	"errors"
	"net/http"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

const appToken = "POST /WebAppApi/api/v1/AppUserToken"

func TestAKeyThatIsNotValidAnyMoreIsNoticedAlthoughTheTokenIsRenewed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const maxAge = 2 * time.Minute
		var status atomic.Int32
		server := newRecorder()
		status.Store(http.StatusOK)
		server.on(appToken, func(w http.ResponseWriter, r *http.Request) {
			if now := int(status.Load()); now != http.StatusOK {
				w.WriteHeader(now)
				return
			}
			server.giveToken(w, r)
		})
		client := connect(t, server, appUser())
		prove := func() error { return client.ProveCredentials(t.Context(), maxAge) }
		mustVersion(t, client)
		if err := prove(); err != nil || server.count(appToken) != 1 {
			t.Fatalf("%v; a sign-in that is young was repeated", err)
		}
		pass(t, maxAge)
		if err := prove(); err != nil || server.count(appToken) != 2 {
			t.Fatalf("%v; %d sign-ins", err, server.count(appToken))
		}
		pass(t, maxAge)
		status.Store(http.StatusServiceUnavailable)
		if err := prove(); err != nil {
			t.Errorf("trouble with sign-ins is reported although the token works: %v", err)
		}
		status.Store(http.StatusUnauthorized)
		pass(t, maxAge)
		refusal, ok := errors.AsType[*CredentialsError](prove())
		if !ok || refusal.Reason != ReasonAPIKey {
			t.Errorf("got %v", refusal)
		}
		sent := server.count(appToken)
		if _, ok := errors.AsType[*CredentialsError](prove()); !ok || server.count(appToken) != sent {
			t.Error("a refused key is sent again")
		}
		mustVersion(t, client) // the token can still be used to end sessions
	})
}

func TestAUserIsNotBotheredWithASecondFactorForAProof(t *testing.T) {
	server := newRecorder()
	client := connect(t, server, User{Username: "u", Password: testPassword})
	mustVersion(t, client)
	if err := client.ProveCredentials(t.Context(), 0); err != nil || server.count("POST /signin2fa") != 1 {
		t.Errorf("%v, %d second factors", err, server.count("POST /signin2fa"))
	}
}
