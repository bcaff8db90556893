// SPDX-License-Identifier: Apache-2.0

package controller

import (
	"strings"
	"unicode"

	pamv1alpha1 "github.com/pam-operator/pam-operator/api/v1alpha1"
)

// note is what the server's records say of a request: its id, who asked for it, and the author's own words in quotes,
// such as
//
//	pam-operator/0b5e1c5c-6f0c-4f0e-9d5e-5f1d0c6f7a01/1 requested by alice: "nightly vacuum"
//
// The id comes first, so that a server that cuts notes keeps it, and so that it is the only word that is believed:
// nothing behind it can be taken for the id of a request, nor what is in quotes for the name of who asked.
func note(s *pamv1alpha1.ActivitySession) string {
	out := newRequestID(s)
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

// who is a name as it is, or in quotes if it holds what names of users and service accounts do not.
func who(name string) string {
	plain := func(r rune) bool {
		return unicode.IsLetter(r) || unicode.IsDigit(r) || strings.ContainsRune(`.:@/+-_=#$|`, r)
	}
	if strings.ContainsFunc(name, func(r rune) bool { return !plain(r) }) {
		return quoted(name)
	}
	return name
}

// quoted is a text on one line and in quotes. What would break the line, or change the order in which it is shown, is
// left out.
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
