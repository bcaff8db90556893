// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"github.com/pam-operator/pam-operator/internal/cli/act"
	"github.com/pam-operator/pam-operator/internal/cli/checks"
	"github.com/pam-operator/pam-operator/internal/cli/difference"
	"github.com/pam-operator/pam-operator/internal/cli/export"
	"github.com/pam-operator/pam-operator/internal/cli/overview"
	"github.com/pam-operator/pam-operator/internal/cli/session"
)

// Printed is a document that a command prints with -o json or -o yaml.
type Printed struct {
	Command, Kind string
	// Document has the type of the document; its values mean nothing.
	Document any
}

// Documents are all that are printed. docs/cli.md lists their members, so that none changes unnoticed.
func Documents() []Printed {
	return []Printed{
		{"status", "Status", overview.Document{}},
		{"diff", "Diff", difference.Document{}},
		{"check", "Check", checks.Document{}},
		{"reconcile", "Reconcile", act.Results{}},
		{"suspend", "Suspend", act.Results{}},
		{"resume", "Resume", act.Results{}},
		{"terminate", "Terminate", act.Results{}},
		{"unmanaged", "Unmanaged", export.Document{}},
		{"adopt", "Adopt", act.Results{}},
		{"release", "Release", act.Results{}},
		{"session list", "SessionList", session.ListDocument{}},
		{"session start", "Session", session.OneDocument{}},
		{"session logs", "SessionLog", session.LogDocument{}},
		{"version", "Version", versionDocument{}},
	}
}
