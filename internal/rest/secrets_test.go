// SPDX-License-Identifier: Apache-2.0

package rest_test

import (
	"fmt"
	"strings"
	"testing"

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
		"a text of three bytes is no secret": {
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

func TestSecretsKeepTheFirstAndTheNewest(t *testing.T) {
	t.Parallel()
	const first, many = "the-password", 5000
	var secrets rest.Secrets
	secrets.Add(first)
	for i := range many {
		secrets.Add(fmt.Sprintf("token-%d-end", i))
	}
	text := secrets.Redact(fmt.Sprintf("%s token-%d-end token-%d-end", first, many-1, many/2))
	if want := fmt.Sprintf("[redacted] [redacted] token-%d-end", many/2); text != want {
		t.Errorf("got %q, want %q", text, want)
	}
	if strings.Contains(text, first) {
		t.Error("the first secret shows")
	}
}
