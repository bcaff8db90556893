// SPDX-License-Identifier: Apache-2.0

package gitops

import (
	"strings"
	"testing"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/pam-operator/pam-operator/test/verdict"
)

// TestTheSandboxIsThatOfArgoCD makes sure that a script which Argo CD would refuse fails here, too.
func TestTheSandboxIsThatOfArgoCD(t *testing.T) {
	for name, c := range map[string]struct{ script, wantError, wantStatus string }{
		"string is missing":            {`return { status = string.upper("healthy") }`, "non-table object(nil)", ""},
		"methods of texts are missing": {`return { status = ("Healthy"):sub(1) }`, "", ""},
		"math is missing":              {`return { status = math.floor(1) }`, "non-table object(nil)", ""},
		"io is missing":                {`return { status = io.read() }`, "non-table object(nil)", ""},
		"os is only what is required":  {`return { status = os.date("!%Y-%m-%dT%XZ") }`, "non-table object(nil)", ""},
		"os has no environment":        {`return { status = require("os").getenv("HOME") }`, "", ""},
		"a script ends after a second": {`while true do end`, "context deadline exceeded", ""},
		"a status of one's own":        {`return { status = "Fine" }`, "", verdict.Unknown},
		"what base can do":             {`return { status = tostring("Healthy") }`, "", verdict.Healthy},
		"what table can do":            {`return { status = table.concat({ "Heal", "thy" }) }`, "", verdict.Healthy},
	} {
		t.Run(name, func(t *testing.T) {
			o := &unstructured.Unstructured{Object: map[string]any{"apiVersion": "example.com/v1", "kind": "Example"}}
			health, err := verdict.WithHealth(o, c.script).Health(t.Context(), o)
			switch {
			case c.wantStatus != "":
				if err != nil || health.Status != c.wantStatus {
					t.Errorf("got %v, %v", health, err)
				}
			case err == nil || !strings.Contains(err.Error(), c.wantError):
				t.Errorf("got %v, %v", health, err)
			}
		})
	}
}
