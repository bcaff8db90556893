// SPDX-License-Identifier: Apache-2.0

package nps

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/google/go-cmp/cmp"
)

func TestDecodeError(t *testing.T) {
	tests := map[string]struct{ body, want string }{
		"problem details": {
			body: `{"type":"x","title":"Forbidden","status":403,"detail":"no policy","traceId":"00-1"}`,
			want: "Forbidden; no policy; traceId 00-1",
		},
		"a validation problem, its fields in order": {
			body: `{"title":"One or more validation errors occurred.","errors":{"b":["bad","worse"],"a":["none"]}}`,
			want: "One or more validation errors occurred.; a: none; b: bad worse",
		},
		"a text":        {body: "no such resource\r\n", want: otherAnswer},
		"a JSON string": {body: `"no such resource"`, want: otherAnswer},
		"another server's JSON": {
			body: `{"kind":"Status","apiVersion":"v1","message":"secrets is forbidden","details":{"kind":"secrets"}}`,
			want: otherAnswer,
		},
		"a page":  {body: "<!DOCTYPE html><TITLE>403 - Forbidden</TITLE><p>", want: pageAnswer},
		"nothing": {want: ""},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			got := decodeError([]byte(tt.body))
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("message (-want +got):\n%s", diff)
			}
		})
	}
}

// TestNoErrorShowsASecret makes the server echo everything it was sent, at every step.
func TestNoErrorShowsASecret(t *testing.T) {
	echo := func(server *recorder, status int) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) {
			c := server.last()
			w.WriteHeader(status)
			_ = json.NewEncoder(w).Encode(map[string]any{
				"title": c.Body + " " + c.Authorization, "detail": fmt.Sprintf("%q %+v", c.Body, c),
				"errors": map[string][]string{c.Authorization: {c.Body, c.Cookie}},
			})
		}
	}
	users := map[string]Auth{
		"an application": appUser(),
		"a fixed code":   User{Username: "u", Password: testPassword, MFACode: "918273"},
		"a TOTP secret":  totpUser(),
	}
	routes := []string{"POST /signinBody", "POST /signin2fa", appSignIn, version, renewal}
	for name, auth := range users {
		for _, route := range routes {
			for _, status := range []int{400, 401, 403, 418, 500} {
				t.Run(fmt.Sprintf("%s, %s, %d", name, route, status), func(t *testing.T) {
					synctest.Test(t, func(t *testing.T) {
						server := newRecorder()
						server.on(route, echo(server, status))
						_, err := connect(t, server, auth).Version(t.Context())
						if err != nil {
							checkForSecrets(t, server, err.Error())
						}
					})
				})
			}
		}
	}
}

func checkForSecrets(t *testing.T, server *recorder, text string) {
	t.Helper()
	secrets := []string{
		testPassword, testAPIKey, strings.ReplaceAll(testAPIKey, `\`, `\\`), testSeed, "918273", "first.stage.token",
		"backslashes-canary",
	}
	for n := range server.tokens {
		secrets = append(secrets, server.tokenAt(n+1))
	}
	for _, c := range server.calls {
		if c.Target == "/signin2fa" {
			secrets = append(secrets, c.Body)
		}
		if raw, ok := strings.CutPrefix(c.Authorization, "Bearer "); ok {
			secrets = append(secrets, raw)
		}
	}
	for _, secret := range secrets {
		if strings.Contains(text, secret) {
			t.Errorf("the error shows %q: %s", secret, text)
		}
	}
}
