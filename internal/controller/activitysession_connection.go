// SPDX-License-Identifier: Apache-2.0

package controller

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"
	"unicode"

	corev1 "k8s.io/api/core/v1"

	pamv1alpha1 "github.com/pam-operator/pam-operator/api/v1alpha1"
	"github.com/pam-operator/pam-operator/internal/connection"
	"github.com/pam-operator/pam-operator/internal/nps"
	"github.com/pam-operator/pam-operator/internal/rest"
)

// connectionData fetches what a consumer needs to connect. It is a secret: never logged, and kept nowhere else.
func (r *activitySessionReconciler) connectionData(
	ctx context.Context, server *connection.Server, s *pamv1alpha1.ActivitySession,
) (map[string][]byte, error) {
	protocol, err := r.protocolOf(ctx, server, s)
	if err != nil {
		return nil, err
	}
	data := map[string][]byte{
		secretProtocol: []byte(protocol), secretSessionID: []byte(s.Status.SessionID), secretExpiresAt: []byte(expiresAt(s)),
	}
	switch protocol {
	case pamv1alpha1.ProtocolRDP:
		err = addRDP(ctx, server, s.Status.SessionID, data)
	case pamv1alpha1.ProtocolSSH:
		err = r.addSSH(ctx, server, s, data)
	}
	switch {
	case errors.Is(err, errUnsafeURL):
		data[secretProtocol], err = []byte(pamv1alpha1.ProtocolNone), nil
	case noSuchData(err):
		data[secretProtocol], err = []byte(pamv1alpha1.ProtocolNone), r.withheld(ctx, server, s, protocol, err)
	}
	if err != nil {
		return nil, err
	}
	return data, r.addPassword(ctx, server, s, data)
}

// protocolOf decides what the Secret holds, where the spec leaves it open.
func (r *activitySessionReconciler) protocolOf(
	ctx context.Context, server *connection.Server, s *pamv1alpha1.ActivitySession,
) (pamv1alpha1.Protocol, error) {
	if p := s.Spec.Protocol; p != "" && p != pamv1alpha1.ProtocolAuto {
		return p, nil
	}
	session, err := r.seen(ctx, server, s)
	if err != nil {
		return "", err
	}
	if a := session.Activity; a != nil {
		switch a.Type {
		case nps.ActivityTaskAutomation, nps.ActivityCredentialRelease: // nobody connects (nps contract 4.3)
			return pamv1alpha1.ProtocolNone, nil
		}
	}
	if s.Status.Platform == "" {
		return pamv1alpha1.ProtocolNone, nil
	}
	rdp, err := server.IsRDP(ctx, s.Status.Platform)
	if err != nil || !rdp {
		return pamv1alpha1.ProtocolSSH, err
	}
	return pamv1alpha1.ProtocolRDP, nil
}

// usable tells a session that has no connection data from one that keeps it back for now: the server may refuse what
// it has while the session is locked, or because it has just ended (nps contract 11).
func usable(ctx context.Context, server *connection.Server, id string) error {
	session, err := server.Read(ctx, id)
	switch {
	case err != nil:
		return err
	case session.Locked:
		return mustWait("the session is locked at the server; its connection data is " +
			"fetched when an administrator unlocks it")
	case session.Status != nps.StatusActive:
		return mustWait("the session is not active any more; its state is %s",
			session.Status)
	}
	return nil
}

// withheld says whether connection data that the server does not give is to be asked for again. A website or a database
// has none; that is no fault of the session (nps contract 7.1). What should have some is asked for again: at first
// after seconds, then ever more slowly.
func (r *activitySessionReconciler) withheld(
	ctx context.Context, server *connection.Server, s *pamv1alpha1.ActivitySession, protocol pamv1alpha1.Protocol,
	cause error,
) error {
	if err := usable(ctx, server, s.Status.SessionID); err != nil {
		return err
	}
	chosen := s.Spec.Protocol == protocol // by the author, who knows what there is
	if !chosen && protocol != pamv1alpha1.ProtocolRDP && !strings.EqualFold(s.Status.Platform, nps.PlatformLinux) {
		return nil
	}
	active := r.now().Sub(enteredAt(s))
	what := "RDP file"
	if protocol == pamv1alpha1.ProtocolSSH {
		what = "SSH URL"
	}
	return &problem{
		reason: pamv1alpha1.ReasonRejected, stall: active > withheldPatience,
		after: min(max(active, r.SecondLook/4), maxWithheldRetry),
		message: fmt.Sprintf("the session is active, but the server does not give its %s: %v. It is asked again until the "+
			"session ends. If it stays so, an administrator of the server has to look at the resource and its platform",
			what, cause),
	}
}

const (
	// withheldPatience is how long connection data may come late before somebody has to act.
	withheldPatience = 2 * time.Minute
	// maxWithheldRetry is the longest pause between two questions for it.
	maxWithheldRetry = time.Minute
)

// enteredAt is when the present phase began.
func enteredAt(s *pamv1alpha1.ActivitySession) time.Time {
	if n := len(s.Status.History); n > 0 {
		return s.Status.History[n-1].Time.Time
	}
	return s.CreationTimestamp.Time
}

func noSuchData(err error) bool {
	return rest.IsNotFound(err) || rest.IsForbidden(err)
}

func addRDP(ctx context.Context, server *connection.Server, id string, data map[string][]byte) error {
	file, err := server.Client().RDPFile(ctx, id)
	if err != nil {
		return err
	}
	data[secretRDP] = file
	target, err := nps.ParseRDPFile(file)
	if err != nil { // an administrator may edit the template; the file is what counts
		return nil //nolint:nilerr // the parts are a convenience
	}
	addTarget(data, target.Host, target.Port, target.Username)
	return nil
}

// errUnsafeURL says that an SSH URL could be taken for an option by the program that it is given to.
var errUnsafeURL = errors.New("the SSH URL of the server is not safe to be used")

// addSSH adds the SSH URL. Whoever reads the Secret hands it to a program, so it must be one, and no option.
func (r *activitySessionReconciler) addSSH(
	ctx context.Context, server *connection.Server, s *pamv1alpha1.ActivitySession, data map[string][]byte,
) error {
	url, err := server.Client().SSHURL(ctx, s.Status.SessionID)
	if err != nil {
		return err
	}
	target, err := nps.ParseSSHURL(url)
	if err != nil || !plain(url) || !harmless(target.Host) || !harmless(target.User) {
		r.statusWriter().event(s, corev1.EventTypeWarning, pamv1alpha1.ReasonRejected, "the server's SSH URL is left out of "+
			"the Secret: it must have the scheme ssh, and neither its host nor its user may begin with - or hold blanks or "+
			"control characters; an administrator of the server has to look at it")
		return errUnsafeURL
	}
	data[secretSSHURL] = []byte(url)
	if config, ok := target.Config(); ok {
		data[secretSSHConfig] = []byte(config)
	}
	addTarget(data, target.Host, target.Port, target.User)
	return nil
}

// plain says that a text has neither blanks nor control characters.
func plain(text string) bool {
	return !strings.ContainsFunc(text, func(r rune) bool { return unicode.IsSpace(r) || unicode.IsControl(r) })
}

// harmless says that no program takes a text for an option, or for more than one word.
func harmless(text string) bool { return plain(text) && !strings.HasPrefix(text, "-") }

func addTarget(data map[string][]byte, host string, port int, username string) {
	if !harmless(host) {
		return
	}
	data[secretHost] = []byte(host)
	data[secretPort] = []byte(strconv.Itoa(port))
	if username != "" && !strings.HasPrefix(username, "-") {
		data[secretUsername] = []byte(username)
	}
}

// wantsPassword says that the session's password is asked for.
func wantsPassword(s *pamv1alpha1.ActivitySession) bool {
	c := s.Spec.ConnectionSecret
	return c != nil && c.Password == pamv1alpha1.PasswordIfAllowed
}

// addPassword adds the session's password where it is asked for and the server allows it.
func (r *activitySessionReconciler) addPassword(
	ctx context.Context, server *connection.Server, s *pamv1alpha1.ActivitySession, data map[string][]byte,
) error {
	if !wantsPassword(s) {
		return nil
	}
	allowed, err := server.Client().CanViewPassword(ctx, s.Status.SessionID)
	if err != nil || !allowed {
		return ignoreRefusal(err)
	}
	password, err := server.Client().Password(ctx, s.Status.SessionID)
	if err != nil {
		return ignoreRefusal(err)
	}
	data[secretPassword] = []byte(password)
	if data[secretUsername] == nil { // a released credential is of use with its account only
		data[secretUsername] = []byte(s.Status.LoginAccount)
	}
	return nil
}

// ignoreRefusal drops the error of a server that does not give a password away.
func ignoreRefusal(err error) error {
	if noSuchData(err) {
		return nil
	}
	return err
}
