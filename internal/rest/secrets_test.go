// SPDX-License-Identifier: Apache-2.0

package rest_test

import (
	"fmt"
	"html"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/pam-operator/pam-operator/internal/rest"
)

func TestRedact(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		secrets []string
		text    string
		want    string
	}{
		"a text without secrets stays": {
			secrets: []string{"hunter22"}, text: "nothing here", want: "nothing here",
		},
		"a secret is cut out wherever it is": {
			secrets: []string{"hunter22"}, text: "hunter22,xhunter22x", want: "[redacted],x[redacted]x",
		},
		"the longer of two secrets goes first": {
			secrets: []string{"hunter", "hunter22"}, text: "hunter22", want: "[redacted]",
		},
		"a text of three bytes is not a secret": {
			secrets: []string{"the"}, text: "the answer", want: "the answer",
		},
		"quoted in JSON": {
			secrets: []string{`pa"ss\word`}, text: `{"p":"pa\"ss\\word"}`, want: `{"p":"[redacted]"}`,
		},
		"a quote at the end in JSON": {
			secrets: []string{`password"`}, text: `{"p":"password\""}`, want: `{"p":"[redacted]"}`,
		},
		"escaped in JSON by Go": {
			secrets: []string{"pass<>word"}, text: `"pass\u003c\u003eword"`, want: `"[redacted]"`,
		},
		"escaped in JSON by Python": {
			secrets: []string{"pässwörd😀"}, text: `"p\u00e4ssw\u00f6rd\ud83d\ude00"`, want: `"[redacted]"`,
		},
		"escaped in a query": {
			secrets: []string{"pass word&"}, text: "?p=pass+word%26", want: "?p=[redacted]",
		},
		"escaped in a path": {
			secrets: []string{"pass word/"}, text: "/pass%20word%2F", want: "/[redacted]",
		},
		"escaped in HTML": {
			secrets: []string{"pass<word>"}, text: "<b>pass&lt;word&gt;</b>", want: "<b>[redacted]</b>",
		},
		"an empty secret is none": {
			secrets: []string{""}, text: "text", want: "text",
		},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var secrets rest.Secrets
			secrets.Add(tc.secrets...)
			if got := secrets.Redact(tc.text); got != tc.want {
				t.Errorf("got %q, want %q", got, tc.want)
			}
		})
	}
}

func TestNilSecretsRedactNothing(t *testing.T) {
	t.Parallel()
	var none *rest.Secrets
	if got := none.Redact("text"); got != "text" {
		t.Errorf("got %q", got)
	}
}

func TestCredentialsAreNeverForgotten(t *testing.T) {
	t.Parallel()
	const password, many = "the-password", 50_000
	var secrets rest.Secrets
	secrets.Pin(password)
	for i := range many {
		secrets.Add(fmt.Sprintf("token-%d-end", i))
	}
	text := secrets.Redact(fmt.Sprintf("%s token-%d-end token-%d-end", password, many-1, 0))
	if want := "[redacted] [redacted] token-0-end"; text != want {
		t.Errorf("got %q, want %q", text, want)
	}
}

// A batch may write a thousand passwords, and the refusal of the commit may quote each of them.
func TestPinnedSecretsAreNotEvicted(t *testing.T) {
	t.Parallel()
	const many = 1000
	var (
		secrets rest.Secrets
		release []func()
		quoted  strings.Builder
	)
	password := func(i int) string { return fmt.Sprintf(`pä"%d"ßword`, i) }
	for i := range many {
		release = append(release, secrets.Pin(password(i)))
		fmt.Fprintf(&quoted, "%d is %s; ", i, password(i))
	}
	if text := secrets.Redact(quoted.String()); strings.Contains(text, "ßword") {
		t.Errorf("a password of the batch shows: %.300s", text)
	}
	release[1]()
	release[1]() // once is enough
	other := secrets.Pin(password(2))
	release[2]()
	for i := range 50_000 {
		secrets.Add(fmt.Sprintf("token-%d-end", i))
	}
	if text := secrets.Redact("is " + password(1)); text == "is [redacted]" {
		t.Error("what was released is never forgotten")
	}
	if text := secrets.Redact("is " + password(2)); text != "is [redacted]" {
		t.Errorf("what another caller has pinned is evicted: %s", text)
	}
	other()
}

func TestMoreSecretsThanFit(t *testing.T) {
	t.Parallel()
	var secrets rest.Secrets
	release := secrets.Pin(strings.Repeat("x", 20<<20))
	if text := secrets.Redact("anything"); text != "[redacted]" {
		t.Errorf("got %q", text)
	}
	release()
	if text := secrets.Redact("anything"); text != "anything" {
		t.Errorf("got %q", text)
	}
}

func TestSecretsThatShareLetters(t *testing.T) {
	t.Parallel()
	var secrets rest.Secrets
	secrets.Pin("abcdef", "defghi", "abcd", "ghij")
	for text, want := range map[string]string{
		"-abcdefghij-": "-[redacted]-", "-abcd-": "-[redacted]-", "-abcdexghij": "-[redacted]ex[redacted]",
		"abcdabcd": "[redacted][redacted]", "defghi": "[redacted]",
	} {
		if got := secrets.Redact(text); got != want {
			t.Errorf("%s: got %q, want %q", text, got, want)
		}
	}
}

func TestManySecretsTakeLittleTime(t *testing.T) {
	t.Parallel()
	var secrets rest.Secrets
	for i := range 2000 {
		secrets.Pin(strings.Repeat("a", 4+i), fmt.Sprintf("aaaaaaaa-%d", i))
	}
	text := strings.Repeat(strings.Repeat("a", 100)+"-", 600)
	begun := time.Now()
	secrets.Redact(text)
	if took := time.Since(begun); took > 5*time.Second {
		t.Errorf("it took %s", took)
	}
}

func TestWhatLooksLikeASecret(t *testing.T) {
	t.Parallel()
	const jwt = "eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiJhIn0.c2lnbmF0dXJl"
	for text, want := range map[string]string{
		"refused " + jwt + " there":                             "refused [redacted] there",
		"password=hunter2 is wrong":                             "password=[redacted] is wrong",
		"Password: hunter2, try again":                          "Password: [redacted], try again",
		`{"password":"hun\"ter 2","name":"alice"}`:              `{"password":[redacted],"name":"alice"}`,
		`{"body":"{\"password\":\"hunter 2\",\"a\":1}"}`:        `{"body":"{\"password\":[redacted],\"a\":1}"}`,
		"pwd = 'hunter 2'; x":                                   "pwd = [redacted]; x",
		`"userPwd": "hunter 2"`:                                 `"userPwd": [redacted]`,
		"api_key=abc&api-key=def":                               "api_key=[redacted]&api-key=[redacted]",
		`"client_secret":"a","token":"b"`:                       `"client_secret":[redacted],"token":[redacted]`,
		"passphrase => abc":                                     "passphrase => [redacted]",
		"Set-Cookie: session_id=abc; Secure":                    "Set-Cookie: [redacted]; Secure",
		"https://alice:hunter2@sps.example.com/a":               "https://[redacted]@sps.example.com/a",
		"Authorization: Basic YWxpY2U6aHVudGVyMg==":             "Authorization: [redacted]",
		`{"Authorization":"Bearer abcdefgh"}`:                   `{"Authorization":"[redacted]"}`,
		"sent bearer abcdefgh12345":                             "sent bearer [redacted]",
		"file: full address:s:h\r\nusername:s:tok\r\nthe end":   "file: [redacted]",
		`"username:s:one-time\r\nfull address:s:h"`:             `"[redacted]`,
		"password 51:b:01000000D08C9DDF":                        "[redacted]",
		"key -----BEGIN RSA PRIVATE KEY----- MIIE":              "key [redacted]",
		"blob dGhpcyBpcyBhIGxvbmcgc2VjcmV0IGluIEJhc2U2NA== end": "blob [redacted] end",
	} {
		if got := (*rest.Secrets)(nil).Redact(text); got != want {
			t.Errorf("%s\n got %q\nwant %q", text, got, want)
		}
	}
}

func TestWhatMustStayReadable(t *testing.T) {
	t.Parallel()
	for _, text := range []string{
		"the session 0d1e6f0a-7c3b-4a55-9f0e-6c1f0a7b2d33 is over",
		"pam-operator/0d1e6f0a-7c3b-4a55-9f0e-6c1f0a7b2d33/1",
		"GET /api/v1/ActivitySession/MySummaryByStatus/ApprovalRequired: 404",
		"the key /api/configuration/rdp/connections/54906f1d5f6a3b2c1d0e9f8a is no",
		"hash 9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
		`InvalidObjectReference: {"resource":"policies/audit_policies"}`,
		"the password is wrong",
	} {
		if got := (*rest.Secrets)(nil).Redact(text); got != text {
			t.Errorf("%s\n got %q", text, got)
		}
	}
}

func TestWhatIsHiddenInASecretDoesNotHideIt(t *testing.T) {
	t.Parallel()
	var secrets rest.Secrets
	secrets.Pin("hunter22")
	got := secrets.Show("it is hun\u0000ter22,\n  pass\u200bword=x", 100)
	if got != "it is [redacted], password=[redacted]" {
		t.Errorf("got %q", got)
	}
	if got := secrets.Show(strings.Repeat("hunter22", 100), 20); got != "[redacted]" && len(got) > 20 {
		t.Errorf("got %q", got)
	}
}

func BenchmarkShow(b *testing.B) {
	var secrets rest.Secrets
	secrets.Pin("hunter22")
	for i := range 500 {
		secrets.Add(fmt.Sprintf("token-%d-end", i))
	}
	for b.Loop() {
		secrets.Show("the session is active since 12:03:04", 1000)
	}
}

// FuzzRedact checks that a secret is never shown, whatever surrounds it.
func FuzzRedact(f *testing.F) {
	f.Add("hunter22", "before ", " after")
	f.Add(`pa"ss\w`, `{"p":"`, `"}`)
	f.Add("aaaa", "aaa", "a")
	f.Fuzz(func(t *testing.T, secret, before, after string) {
		const marks = "[redacted]"
		if len(secret) < 4 || strings.Contains(marks, secret) {
			return
		}
		var secrets rest.Secrets
		secrets.Pin(secret, "another secret")
		for _, text := range []string{
			before + secret + after, before + url.QueryEscape(secret) + after, before + html.EscapeString(secret) + after,
		} {
			got := secrets.Redact(text)
			if strings.Contains(strings.ReplaceAll(got, marks, "\x00"), secret) {
				t.Errorf("%q shows %q", got, secret)
			}
		}
	})
}
