// SPDX-License-Identifier: Apache-2.0

package session

import (
	"strings"
	"unicode"

	pamv1alpha1 "github.com/pam-operator/pam-operator/api/v1alpha1"
	"github.com/pam-operator/pam-operator/internal/controller/loop"
)

// note is what the server's records say about a request: its id, the requester, and the author's own words in quotes,
// such as
//
//	pam-operator/0b5e1c5c-6f0c-4f0e-9d5e-5f1d0c6f7a01/1 requested by alice: "nightly vacuum"
//
// The id comes first, so that a server that cuts notes keeps it, and so that it is the only word that is believed:
// nothing after it can be taken for the id of a request, nor anything in quotes for the name of the requester.
func note(s *pamv1alpha1.ActivitySession) string {
	out := loop.NewRequestID(s)
	if s.Spec.RequestedBy != "" {
		out += " requested by " + who(s.Spec.RequestedBy)
		if s.Spec.Note != "" {
			out += ":"
		}
	}
	if s.Spec.Note != "" {
		out += " " + quoted(s.Spec.Note)
	}
	return out
}

// who is a name as it is, or in quotes if it has characters that names of users and service accounts do not have.
func who(name string) string {
	plain := func(r rune) bool {
		return unicode.IsLetter(r) || unicode.IsDigit(r) || strings.ContainsRune(`.:@/+-_=#$|`, r)
	}
	if strings.ContainsFunc(name, func(r rune) bool { return !plain(r) }) {
		return quoted(name)
	}
	return name
}

// quoted is a text on one line and in quotes. Characters that would break the line, or change the direction in which it
// is shown, are left out.
func quoted(text string) string {
	oneLine := strings.Map(func(r rune) rune {
		switch {
		case unicode.IsSpace(r), unicode.In(r, unicode.Zl, unicode.Zp):
			return ' '
		case unicode.IsControl(r), unicode.Is(unicode.Cf, r):
			return -1
		}
		return r
	}, text)
	return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(oneLine) + `"`
}
