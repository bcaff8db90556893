// SPDX-License-Identifier: Apache-2.0

package nps

import (
	"crypto"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

const post = http.MethodPost

// TestTOTP uses the vectors of RFC 6238, appendix B, shortened to their last six digits.
func TestTOTP(t *testing.T) {
	secret := []byte("12345678901234567890")
	vectors := map[int64]string{59: "287082", 1111111109: "081804", 1234567890: "005924", 20000000000: "353130"}
	for unix, want := range vectors {
		if got := totpCode(secret, totpStep(time.Unix(unix, 0))); got != want {
			t.Errorf("code at %d is %s, want %s", unix, got, want)
		}
	}
}

func TestDecodeBase32KeepsLeadingZerosAndIgnoresBlanks(t *testing.T) {
	got, err := decodeBase32("aaaa aaaa me==")
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]byte{0, 0, 0, 0, 0, 'a'}, got); diff != "" {
		t.Errorf("secret (-want +got):\n%s", diff)
	}
}

func TestSecondFactor(t *testing.T) {
	tests := map[string]struct {
		login string
		code  func(l *lab) string
		want  int
	}{
		"the code as a JSON string":              {DefaultUser, func(l *lab) string { return `"` + l.code() + `"` }, 200},
		"the code with blanks":                   {DefaultUser, func(l *lab) string { return " " + l.code() + "\n" }, 200},
		"the code of the step before":            {DefaultUser, codeAfter(30 * time.Second), 200},
		"the code of the step after":             {DefaultUser, codeAfter(-30 * time.Second), 200},
		"a code that is two steps old":           {DefaultUser, codeAfter(60 * time.Second), 401},
		"broken JSON when no factor is needed":   {DefaultUserNoMFA, func(*lab) string { return `"0` }, 200},
		"another user's code is not good for it": {DefaultAdmin, func(l *lab) string { return l.code() }, 401},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			l := newLab(t, Options{})
			first := l.firstToken(tc.login, DefaultPassword)
			l.do(post, "/signin2fa", first, tc.code(l)).want(tc.want)
		})
	}
}

// codeAfter returns the current code and then advances the clock, before the code is used.
func codeAfter(d time.Duration) func(*lab) string {
	return func(l *lab) string {
		code := l.code()
		l.advance(d)
		return code
	}
}

func TestCodeWithLeadingZeroIsAccepted(t *testing.T) {
	l := newLab(t, Options{})
	for !strings.HasPrefix(l.code(), "0") {
		l.advance(30 * time.Second)
	}
	l.token(DefaultUser)
}

func TestSignInForms(t *testing.T) {
	l := newLab(t, Options{})
	tests := map[string]struct {
		path, contentType, body string
		want                    int
	}{
		"JSON": {
			"/signinBody", "application/json", `{"Login":"LAB\\svc-k8s","Password":"simulated password"}`, 200,
		},
		"JSON in another case": {
			"/SigninBody", "application/json", `{"login":"lab\\SVC-K8S","password":"simulated password"}`, 200,
		},
		"user principal name": {
			"/signinBody", "application/json", `{"login":"svc-k8s@lab","password":"simulated password"}`, 200,
		},
		"broken JSON":               {"/signinBody", "application/json", `{"login":`, 400},
		"JSON under another header": {"/signinBody", "text/plain", `{}`, 415},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			l := l.in(t)
			r := l.request(post, tc.path, "", tc.body)
			r.Header.Set("Content-Type", tc.contentType)
			l.send(r).want(tc.want)
		})
	}
}

func TestReplayOfACodeIsRefused(t *testing.T) {
	l := newLab(t, Options{})
	code := l.code()
	first := l.firstToken(DefaultUser, DefaultPassword)
	l.do(post, "/signin2fa", first, code).want(200)
	l.do(post, "/signin2fa", first, code).want(401)
	l.SetSwitches(func(sw *Switches) { sw.ReplayAllowed = true })
	l.do(post, "/signin2fa", first, code).want(200)
	if diff := cmp.Diff(Stats{SignIns: 1, SecondFactors: 2, FailedSecondFactors: 1}, l.Stats()); diff != "" {
		t.Errorf("stats (-want +got):\n%s", diff)
	}
}

func TestLockout(t *testing.T) {
	l := newLab(t, Options{})
	signIn := func(password string) reply {
		return l.do(post, "/signinBody", "", map[string]string{"login": DefaultUser, "password": password})
	}
	for range 4 {
		signIn("wrong").want(401)
	}
	first := signIn(DefaultPassword).want(200).str()
	l.do(post, "/signin2fa", first, "000000").want(401) // the fifth failure
	signIn(DefaultPassword).want(401)
	l.do(post, "/signin2fa", first, l.code()).want(401)
	l.advance(4 * time.Minute)
	signIn("wrong").want(401) // adds five minutes
	l.advance(2 * time.Minute)
	signIn(DefaultPassword).want(401)
	l.advance(4 * time.Minute)
	l.token(DefaultUser)
	for range 4 { // the count has started over
		signIn("wrong").want(401)
	}
	signIn(DefaultPassword).want(200)
}

func TestStrictCookie(t *testing.T) {
	l := newLab(t, Options{})
	l.SetSwitches(func(sw *Switches) { sw.CookieRequired = true })
	form := map[string]string{"login": DefaultUserNoMFA, "password": DefaultPassword}
	signIn := l.do(post, "/signinBody", "", form).want(200)
	l.do(post, "/signin2fa", signIn.str(), "NA").want(401)
	r := l.request(post, "/signin2fa", signIn.str(), "NA")
	r.Header.Set("Cookie", strings.Split(signIn.header.Get("Set-Cookie"), ";")[0])
	l.send(r).want(200)
}

func TestTokenIsSignedAndCarriesTheClaims(t *testing.T) {
	l := newLab(t, Options{})
	parts := strings.Split(l.token(DefaultAdmin), ".")
	if len(parts) != 3 {
		t.Fatalf("token has %d parts, want 3", len(parts))
	}
	signature, err := base64.RawURLEncoding.DecodeString(parts[2])
	if err != nil {
		t.Fatal(err)
	}
	key, err := signingKey()
	if err != nil {
		t.Fatal(err)
	}
	sum := sha256.Sum256([]byte(parts[0] + "." + parts[1]))
	if err := rsa.VerifyPKCS1v15(&key.PublicKey, crypto.SHA256, sum[:], signature); err != nil {
		t.Error(err)
	}
	payload, err := base64.RawURLEncoding.DecodeString(parts[1])
	if err != nil {
		t.Fatal(err)
	}
	var claims map[string]any
	if err := json.Unmarshal(payload, &claims); err != nil {
		t.Fatal(err)
	}
	delete(claims, "jti")
	want := map[string]any{
		"sub": DefaultAdmin, "ManagedAccountId": deriveGUID("managed account", DefaultAdmin), "isMFA": true,
		"iat": float64(labStart.Unix()), "exp": float64(labStart.Add(15 * time.Minute).Unix()),
		"http://stealthbits.com/pam/roles":                             "admin",
		"http://schemas.microsoft.com/ws/2008/06/identity/claims/role": "Admin",
	}
	if diff := cmp.Diff(want, claims); diff != "" {
		t.Errorf("claims (-want +got):\n%s", diff)
	}
}

func TestWhatATokenIsGoodFor(t *testing.T) {
	version := "/api/v1/Version"
	tests := map[string]struct {
		token func(l *lab) string
		want  int
	}{
		"no token":         {func(*lab) string { return "" }, 401},
		"garbage":          {func(*lab) string { return "a.b.c" }, 401},
		"first stage only": {func(l *lab) string { return l.firstToken(DefaultUser, DefaultPassword) }, 403},
		"first stage of a user without second factor": {
			func(l *lab) string { return l.firstToken(DefaultUserNoMFA, DefaultPassword) }, 403,
		},
		"the same when the switch makes it full": {
			func(l *lab) string {
				l.SetSwitches(func(sw *Switches) { sw.FirstTokenFull = true })
				return l.firstToken(DefaultUserNoMFA, DefaultPassword)
			}, 200,
		},
		"an application that came in by the users' door": {
			func(l *lab) string {
				first := l.firstToken(DefaultApplication, DefaultAPIKey)
				return l.do(post, "/signin2fa", first, "NA").want(200).str()
			}, 403,
		},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			l := newLab(t, Options{})
			got := l.get(version, tc.token(l)).want(tc.want)
			challenge := `Bearer error="invalid_token"`
			if tc.want == 401 && (got.body != "" || got.header.Get("WWW-Authenticate") != challenge) {
				t.Errorf("401 has body %q and header %v", got.body, got.header)
			}
			if tc.want == 403 && got.object()["title"] != "Forbidden" {
				t.Errorf("403 has body %s", got.body)
			}
		})
	}
}

func TestTextFormats(t *testing.T) {
	l := newLab(t, Options{Version: "4.2.1"})
	token := l.token(DefaultUser)
	tests := map[string]struct {
		format            TextFormat
		accept, want, typ string
	}{
		"JSON by default":         {TextJSON, "text/plain", `"4.2.1"`, contentJSON},
		"bare text by the switch": {TextPlain, "application/json", `4.2.1`, contentPlain},
		"JSON if asked for":       {TextNegotiated, "application/json", `"4.2.1"`, contentJSON},
		"text if not":             {TextNegotiated, "*/*", `4.2.1`, contentPlain},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			l := l.in(t)
			l.SetSwitches(func(sw *Switches) { sw.TextFormat = tc.format })
			r := l.request("GET", "/api/v1/Version", token, nil)
			r.Header.Set("Accept", tc.accept)
			got := l.send(r).want(200)
			if got.body != tc.want || got.header.Get("Content-Type") != tc.typ {
				t.Errorf("answer %q as %q", got.body, got.header.Get("Content-Type"))
			}
		})
	}
}

func TestClockSkewMovesTheWholeServer(t *testing.T) {
	l := newLab(t, Options{})
	l.SetSwitches(func(sw *Switches) { sw.ClockSkew = Duration(5 * time.Minute) })
	first := l.firstToken(DefaultUser, DefaultPassword)
	l.do(post, "/signin2fa", first, l.code()).want(401)
	l.advance(5 * time.Minute)
	code := l.code()
	l.advance(-5 * time.Minute)
	got := l.do(post, "/signin2fa", first, code).want(200)
	if want := labStart.Add(5 * time.Minute).Format(http.TimeFormat); got.header.Get("Date") != want {
		t.Errorf("Date is %q, want %q", got.header.Get("Date"), want)
	}
}

func TestOmittedClaims(t *testing.T) {
	l := newLab(t, Options{})
	l.SetSwitches(func(sw *Switches) { sw.OmitClaims = []string{"exp", "ManagedAccountId"} })
	payload, err := base64.RawURLEncoding.DecodeString(strings.Split(l.token(DefaultAdmin), ".")[1])
	if err != nil {
		t.Fatal(err)
	}
	for claim, want := range map[string]bool{"exp": false, "ManagedAccountId": false, "iat": true} {
		if got := strings.Contains(string(payload), `"`+claim+`"`); got != want {
			t.Errorf("claim %s is there: %v, want %v", claim, got, want)
		}
	}
}
