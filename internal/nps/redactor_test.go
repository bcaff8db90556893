// SPDX-License-Identifier: Apache-2.0

package nps

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// What the server reports about a session is shown to users, so it must not contain secrets of the client or of the
// session's consumer.
func TestWordsOfTheServerHoldNoSecret(t *testing.T) {
	const (
		id       = "b9fc22e3-0000-4000-8000-000000000001"
		url      = "ssh://LAB%5Csvc%2Bcanary-token@proxy.lab.test:4422"
		file     = "full address:s:proxy.lab.test\r\nusername:s:one-time-canary-token\r\n"
		released = "released canary password"
	)
	server := newRecorder().on("GET "+sessionPath+"/Ssh/"+id, reply(200, quoted(url))).
		on("GET "+sessionPath+"/Rdp/"+id, reply(200, quoted(file))).
		on("GET "+sessionPath+"/"+id+"/Password", reply(200, quoted(released)))
	client := connect(t, server, appUser())
	for _, fetch := range []func() error{
		func() error { _, err := client.SSHURL(t.Context(), id); return err },
		func() error { _, err := client.RDPFile(t.Context(), id); return err },
		func() error { _, err := client.Password(t.Context(), id); return err },
	} {
		if err := fetch(); err != nil {
			t.Fatal(err)
		}
	}
	foreign := jwtOf(`{"sub":"somebody else"}`)
	secrets := []string{
		testAPIKey, strings.TrimPrefix(server.last().Authorization, "Bearer "), url, `LAB\svc+canary-token`,
		"one-time-canary-token", released, foreign,
	}
	told := quoted("cannot open ssh://svc@lab.test+root+host@proxy:4422 with " + strings.Join(secrets, " and "))
	server.on("GET "+sessionPath+"/"+id, reply(200, `{"id":"`+id+`","statusDescription":`+told+`}`)).
		on("GET "+sessionPath+"/"+id+"/Log", reply(200, `{"lines":[{"logMessage":`+told+`}]}`)).
		on("GET "+sessionPath+"/MySummaryByStatus/Active", reply(200,
			`{"data":[{"id":"1","sessionStatusDescription":`+told+`},{"id":"2","sessionStatusDescription":`+told+`}]}`)).
		on("POST "+sessionPath, reply(201, `{"id":"`+id+`","statusDescription":`+told+`}`)).
		on("DELETE "+sessionPath+"/"+id, reply(403, `{"detail":`+told+`}`))
	for name, text := range textsOf(t, client, id) {
		if !strings.HasPrefix(text, "cannot open ssh://[redacted]@proxy:4422 with ") {
			t.Errorf("%s: its plain words are lost: %q", name, text)
		}
		var shown []string
		for _, secret := range append(secrets, "svc@lab.test+root+host") {
			if strings.Contains(text, secret) {
				shown = append(shown, secret)
			}
		}
		if diff := cmp.Diff([]string(nil), shown); diff != "" {
			t.Errorf("%s shows secrets:\n%s", name, diff)
		}
	}
}

// textsOf returns the server's texts that a client passes on.
func textsOf(t *testing.T, client *Client, id string) map[string]string {
	t.Helper()
	out := map[string]string{}
	keep := func(name, text string, err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		out[name] = text
	}
	session, err := client.Get(t.Context(), id)
	keep("a session", session.StatusDescription, err)
	session, err = client.Create(t.Context(), CreateRequest{ActivityName: "a", ManagedResourceName: "r"})
	keep("a session that was created", session.StatusDescription, err)
	lines, err := client.Log(t.Context(), id, LogLevelAny, 1)
	keep("a line of a log", lines[0].Message, err)
	list, err := client.ListMine(t.Context(), FilterActive, "")
	keep("a summary", list[0].StatusDescription, err)
	keep("another summary of the same words", list[1].StatusDescription, nil)
	err = client.End(t.Context(), id)
	if err == nil {
		t.Fatal("a refusal is no error")
	}
	_, refusal, _ := strings.Cut(err.Error(), "cannot open")
	keep("an error", "cannot open"+refusal, nil)
	return out
}
