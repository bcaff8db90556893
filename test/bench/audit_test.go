// SPDX-License-Identifier: Apache-2.0

package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

const (
	statusLine = `{"verb":"patch","objectRef":{"resource":"rdpconnectionpolicies","apiGroup":"pam-operator.io",` +
		`"name":"a","subresource":"status"}}` + "\n"
	eventLine = `{"verb":"create","objectRef":{"resource":"events","apiGroup":"events.k8s.io","name":"a.1"}}` + "\n"
	leaseLine = `{"verb":"update","objectRef":{"resource":"leases","name":"pam-operator.io"}}` + "\n"
	becomes   = `{"verb":"create","objectRef":{"resource":"events","name":"pam-operator.io.18eb2c6ff94c4ae4"}}` + "\n"
)

func TestCountWrites(t *testing.T) {
	tests := map[string]struct {
		log       string
		work      writes
		elections int
	}{
		"an empty log": {"", writes{}, 0},
		"by verb, resource and subresource": {
			statusLine + eventLine + statusLine, writes{statusWrite: 2, eventWrite: 1}, 0,
		},
		"leader election is told apart":       {leaseLine + statusLine + becomes, writes{statusWrite: 1}, 2},
		"a line that is not complete is left": {statusLine + strings.TrimSuffix(eventLine, "\n"), writes{statusWrite: 1}, 0},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			all, err := countWrites(strings.NewReader(tt.log))
			if err != nil {
				t.Fatal(err)
			}
			work, elections := all.split()
			if diff := cmp.Diff(tt.work, work); diff != "" {
				t.Errorf("work, -want +got:\n%s", diff)
			}
			if elections != tt.elections {
				t.Errorf("%d of leader election, want %d", elections, tt.elections)
			}
		})
	}
}

const (
	statusWrite = "patch rdpconnectionpolicies/status"
	eventWrite  = "create events"
)

func TestCountWritesRefusesWhatIsNoAuditLog(t *testing.T) {
	if _, err := countWrites(strings.NewReader("no JSON\n")); err == nil {
		t.Error("no error")
	}
}

func TestAuditMark(t *testing.T) {
	file := filepath.Join(t.TempDir(), "audit.log")
	absent, err := markAudit(file)
	if err != nil {
		t.Fatal(err)
	}
	expectWrites(t, absent, writes{})
	write(t, file, statusLine)
	after, err := markAudit(file)
	if err != nil {
		t.Fatal(err)
	}
	write(t, file, statusLine+eventLine)
	expectWrites(t, absent, writes{statusWrite: 1, eventWrite: 1})
	expectWrites(t, after, writes{eventWrite: 1})
}

func write(t *testing.T, file, content string) {
	t.Helper()
	if err := os.WriteFile(file, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
}

func expectWrites(t *testing.T, from auditMark, want writes) {
	t.Helper()
	got, err := from.since()
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}
