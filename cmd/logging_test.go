// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"strings"
	"testing"

	"github.com/go-logr/logr"
	"k8s.io/apimachinery/pkg/types"
	ctrl "sigs.k8s.io/controller-runtime"

	"github.com/pam-operator/pam-operator/internal/audit"
	"github.com/pam-operator/pam-operator/test/builder"
)

// TestNoLineOfTheAuditTrailIsLostOrMalformed writes far more lines at once than other lines may repeat in a second, in
// a pass, whose logger knows the object, too.
func TestNoLineOfTheAuditTrailIsLostOrMalformed(t *testing.T) {
	s, err := parse(flag.NewFlagSet("manager", flag.ContinueOnError), nil)
	if err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	s.log.DestWriter = &out
	ctrl.SetLogger(newLogger(&s.log))
	ctx := logr.NewContext(t.Context(), ctrl.Log.WithValues("namespace", "payments", "name", "a", "kind", "LocalUser"))
	const most = 1000
	for range most {
		ctrl.Log.Info("the same again")
		audit.Write(ctx, audit.Record{
			Action: audit.Create, Result: audit.Succeeded, Object: builder.LocalUser("a"), Kind: "LocalUser", Who: "alice",
			Client: "kubectl", Connection: types.NamespacedName{Namespace: "dmz", Name: "sps"}, Target: "sps:443", Key: "1",
			Name: "a", Session: "2", Phase: "Completed", End: "now", CancelledBy: "bob", Reason: "none", Fields: []string{"b"},
		})
	}
	lines := map[string]int{}
	for line := range strings.Lines(out.String()) {
		members, err := membersOf(line)
		if err != nil {
			t.Fatalf("%v: %s", err, line)
		}
		lines[fmt.Sprint(members["msg"])]++
	}
	if lines[audit.Message] != most || lines["the same again"] >= most {
		t.Errorf("%v: want %d lines of the audit trail, and fewer of what repeats", lines, most)
	}
}

// membersOf are the members of the object on a line, which has each of them once.
func membersOf(line string) (map[string]any, error) {
	decoder, members := json.NewDecoder(strings.NewReader(line)), map[string]any{}
	if _, err := decoder.Token(); err != nil {
		return nil, err
	}
	for decoder.More() {
		key, err := decoder.Token()
		if err != nil {
			return nil, err
		}
		name := fmt.Sprint(key)
		if _, twice := members[name]; twice {
			return nil, fmt.Errorf("%q is there twice", name)
		}
		var value any
		if err := decoder.Decode(&value); err != nil {
			return nil, err
		}
		members[name] = value
	}
	return members, nil
}
