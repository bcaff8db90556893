// SPDX-License-Identifier: Apache-2.0

package run

import (
	"time"

	pamv1alpha1 "github.com/pam-operator/pam-operator/api/v1alpha1"
	"github.com/pam-operator/pam-operator/internal/cli/session"
	"github.com/pam-operator/pam-operator/internal/cli/state"
)

// variables are what CMD finds in its environment. Others can read the environment of a process, so what is secret is
// in it only if that was asked for. The user name is secret: it may be a token.
func variables(s *pamv1alpha1.ActivitySession, m session.Material, folder string, secrets bool) []string {
	out := []string{
		"PAM_DIR=" + folder, "PAM_PROTOCOL=" + string(m.Protocol), "PAM_HOST=" + m.Host, "PAM_PORT=" + m.Port,
		"PAM_SESSION=" + s.Name, "PAM_NAMESPACE=" + s.Namespace, "PAM_SESSION_ID=" + s.Status.SessionID,
	}
	if at, known := state.Ends(s); known {
		out = append(out, "PAM_EXPIRES_AT="+at.UTC().Format(time.RFC3339))
	}
	if !secrets {
		return out
	}
	for name, value := range map[string]string{
		"PAM_USERNAME": m.Username, "PAM_SSH_URL": string(m.URL), "PAM_PASSWORD": string(m.Password),
	} {
		if value != "" {
			out = append(out, name+"="+value)
		}
	}
	return out
}
