// SPDX-License-Identifier: Apache-2.0

package overview

import (
	"fmt"
	"strings"
	"time"

	"k8s.io/utils/ptr"

	pamv1alpha1 "github.com/pam-operator/pam-operator/api/v1alpha1"
	"github.com/pam-operator/pam-operator/internal/cli/printer"
	"github.com/pam-operator/pam-operator/internal/cli/state"
)

// what is the last column: the message of what is not ready, and what is worth knowing of what is.
func (p painter) what(item Item) string {
	if !item.State.Ready() {
		return item.State.Message
	}
	switch o := item.Object.(type) {
	case *pamv1alpha1.SPSConnection:
		return p.appliance(&o.Status)
	case *pamv1alpha1.NPSConnection:
		return p.server(o)
	case *pamv1alpha1.ActivitySession:
		return p.session(o)
	case *pamv1alpha1.SessionTermination:
		if o.Status.Terminated != nil {
			return printer.Plural(int(*o.Status.Terminated), "session", "sessions") + " closed"
		}
	}
	return ""
}

func (p painter) appliance(s *pamv1alpha1.SPSConnectionStatus) string {
	commit := ""
	if last := s.LastCommit; last != nil {
		commit = fmt.Sprintf("last commit %s ago, %s, lock held %s", printer.Age(p.now, last.Time.Time),
			printer.Plural(int(ptr.Deref(last.Changes, 0)), "change", "changes"),
			last.Duration.Round(100*time.Millisecond))
	}
	return p.screen.Join(s.Version, commit)
}

func (p painter) server(c *pamv1alpha1.NPSConnection) string {
	sessions, token := "", ""
	if live := c.Status.ActiveSessions; live != nil {
		sessions = printer.Plural(int(*live), "session", "sessions")
		if limits := c.Spec.Limits; limits != nil && limits.ActiveSessions != nil {
			sessions = fmt.Sprintf("%d of %s", *live, printer.Plural(int(*limits.ActiveSessions), "session", "sessions"))
		}
	}
	if until := c.Status.TokenExpiresAt; until != nil {
		token = "token until " + p.clock(until.Time)
	}
	return p.screen.Join(c.Status.Version, sessions, token)
}

func (p painter) session(s *pamv1alpha1.ActivitySession) string {
	if s.Status.Phase.Terminal() {
		return ""
	}
	ends, secret := "", ""
	if at, known := state.Ends(s); known {
		ends = "ends " + p.clock(at)
	}
	if ref := s.Status.ConnectionSecretRef; ref != nil {
		secret = "secret " + ref.Name
	}
	return p.screen.Join(ends, secret)
}

// clock is a time within a day from now, or a date with it.
func (p painter) clock(t time.Time) string {
	local := t.In(p.now.Location())
	if ahead := t.Sub(p.now); ahead >= 0 && ahead < 24*time.Hour {
		return local.Format("15:04")
	}
	return local.Format("2006-01-02 15:04")
}

// nextStep is what the one who has to act can do.
func nextStep(item Item) string {
	switch item.State.Actor {
	case pamv1alpha1.ActorAuthor:
		return "author: " + authorsStep(item)
	case pamv1alpha1.ActorOwner:
		return "owner of the connection: " + runbook(item.State.Reason)
	case pamv1alpha1.ActorMaker:
		return "please report it: " + runbook(item.State.Reason)
	}
	return ""
}

func authorsStep(item Item) string {
	switch item.State.Reason {
	case pamv1alpha1.ReasonAdoptionRefused, pamv1alpha1.ReasonDriftDetected:
		return "kubectl pam diff " + item.Ref.String() + " -n " + item.Ref.Namespace
	}
	return runbook(item.State.Reason)
}

// runbook is where a reason has its entry.
func runbook(reason string) string { return "docs/runbook.md#" + strings.ToLower(reason) }
