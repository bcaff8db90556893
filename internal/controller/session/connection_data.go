// SPDX-License-Identifier: Apache-2.0

package session

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
	"github.com/pam-operator/pam-operator/internal/controller/loop"
	"github.com/pam-operator/pam-operator/internal/nps"
	"github.com/pam-operator/pam-operator/internal/rest"
	"github.com/pam-operator/pam-operator/internal/sessions"
)

// Keys of the connection Secret.
const (
	secretProtocol  = "protocol"
	secretHost      = "host"
	secretPort      = "port"
	secretUsername  = "username"
	secretRDP       = "rdp"
	secretSSHURL    = "ssh-url"
	secretSSHConfig = "ssh-config" //nolint:gosec // G101: the name of a key
	secretSessionID = "session-id"
	secretExpiresAt = pamv1alpha1.KeyExpiresAt
	secretPassword  = "password"
)

// dataFetcher fetches connection data from the server.
type dataFetcher struct{ *base }

// fetch fetches what a consumer needs to connect. It is secret: never logged, and kept nowhere else.
func (f *dataFetcher) fetch(
	ctx context.Context, server *sessions.Server, s *pamv1alpha1.ActivitySession,
) (map[string][]byte, error) {
	protocol, err := f.protocolOf(ctx, server, s)
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
		err = f.addSSH(ctx, server, s, data)
	}
	switch {
	case errors.Is(err, errUnsafeURL):
		data[secretProtocol], err = []byte(pamv1alpha1.ProtocolNone), nil
	case noSuchData(err):
		data[secretProtocol], err = []byte(pamv1alpha1.ProtocolNone), f.withheld(ctx, server, s, protocol, err)
	}
	if err != nil {
		return nil, err
	}
	return data, f.addPassword(ctx, server, s, data)
}

// protocolOf decides what the Secret contains if the spec leaves it open.
func (f *dataFetcher) protocolOf(
	ctx context.Context, server *sessions.Server, s *pamv1alpha1.ActivitySession,
) (pamv1alpha1.Protocol, error) {
	if p := s.Spec.Protocol; p != "" && p != pamv1alpha1.ProtocolAuto {
		return p, nil
	}
	session, err := f.seen(ctx, server, s)
	if err != nil {
		return "", err
	}
	if a := session.Activity; a != nil {
		switch a.Type {
		case nps.ActivityTaskAutomation, nps.ActivityCredentialRelease: // nothing to connect to (docs/vendors/nps.md 4.3)
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

// mustHaveData is the error of a session that withholds its connection data for now: the server may refuse it while the
// session is locked, or because it has just ended (docs/vendors/nps.md 11).
func mustHaveData(ctx context.Context, server *sessions.Server, id string) error {
	session, err := server.Read(ctx, id)
	switch {
	case err != nil:
		return err
	case session.Locked:
		return loop.MustWait("the session is locked at the server; its connection data is " +
			"fetched when an administrator unlocks it")
	case session.Status != nps.StatusActive:
		return loop.MustWait("the session is no longer active; its state is %s",
			session.Status)
	}
	return nil
}

// withheld is the error of connection data that the server does not give; nil if there is none. A website or a database
// has none, which is not a failure (docs/vendors/nps.md 7.1). Data that should exist is requested again, first after
// seconds, then at growing intervals.
func (f *dataFetcher) withheld(
	ctx context.Context, server *sessions.Server, s *pamv1alpha1.ActivitySession, protocol pamv1alpha1.Protocol,
	cause error,
) error {
	if err := mustHaveData(ctx, server, s.Status.SessionID); err != nil {
		return err
	}
	chosen := s.Spec.Protocol == protocol // by the author, who knows the resource
	if !chosen && protocol != pamv1alpha1.ProtocolRDP && !strings.EqualFold(s.Status.Platform, nps.PlatformLinux) {
		return nil
	}
	active := f.now().Sub(enteredAt(s))
	what := "RDP file"
	if protocol == pamv1alpha1.ProtocolSSH {
		what = "SSH URL"
	}
	return &loop.Problem{
		Reason: pamv1alpha1.ReasonRejected, Stall: active > withheldPatience,
		After: min(max(active, f.SecondLook/4), maxWithheldRetry),
		Message: fmt.Sprintf("the session is active, but the server does not give its %s: %v. It is requested again until "+
			"the session ends. If this persists, an administrator of the server has to check the resource and its platform",
			what, cause),
	}
}

const (
	// withheldPatience is how late connection data may be before someone has to act.
	withheldPatience = 2 * time.Minute
	// maxWithheldRetry is the longest interval at which it is requested.
	maxWithheldRetry = time.Minute
)

func noSuchData(err error) bool {
	return rest.IsNotFound(err) || rest.IsForbidden(err)
}

func addRDP(ctx context.Context, server *sessions.Server, id string, data map[string][]byte) error {
	file, err := server.Client().RDPFile(ctx, id)
	if err != nil {
		return err
	}
	data[secretRDP] = file
	target, err := nps.ParseRDPFile(file)
	if err != nil { // an administrator may edit the template; the file itself is what matters
		return nil //nolint:nilerr // the parts are a convenience
	}
	addTarget(data, target.Host, target.Port, target.Username)
	return nil
}

// errUnsafeURL says that a program could take an SSH URL for an option.
var errUnsafeURL = errors.New("the SSH URL of the server is not safe to use")

// addSSH adds the SSH URL. Consumers pass it to a program, so it must be a URL, and not an option.
func (f *dataFetcher) addSSH(
	ctx context.Context, server *sessions.Server, s *pamv1alpha1.ActivitySession, data map[string][]byte,
) error {
	url, err := server.Client().SSHURL(ctx, s.Status.SessionID)
	if err != nil {
		return err
	}
	target, err := nps.ParseSSHURL(url)
	if err != nil || !plain(url) || !harmless(target.Host) || !harmless(target.User) {
		f.StatusWriter().Event(s, corev1.EventTypeWarning, pamv1alpha1.ReasonRejected, "the server's SSH URL is left out of "+
			"the Secret: it must have the scheme ssh, and neither its host nor its user may begin with - or hold blanks or "+
			"control characters; an administrator of the server has to check it")
		return errUnsafeURL
	}
	data[secretSSHURL] = []byte(url)
	if config, ok := target.Config(); ok {
		data[secretSSHConfig] = []byte(config)
	}
	addTarget(data, target.Host, target.Port, target.User)
	return nil
}

// plain reports whether a text has neither blanks nor control characters.
func plain(text string) bool {
	return !strings.ContainsFunc(text, func(r rune) bool { return unicode.IsSpace(r) || unicode.IsControl(r) })
}

// harmless reports whether no program takes a text for an option, or for more than one word.
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

// wantsPassword reports whether the session's password is requested.
func wantsPassword(s *pamv1alpha1.ActivitySession) bool {
	c := s.Spec.ConnectionSecret
	return c != nil && c.Password == pamv1alpha1.PasswordIfAllowed
}

// addPassword adds the session's password if it is requested and the server allows it.
func (f *dataFetcher) addPassword(
	ctx context.Context, server *sessions.Server, s *pamv1alpha1.ActivitySession, data map[string][]byte,
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
	if data[secretUsername] == nil { // a released credential is of no use without its account
		data[secretUsername] = []byte(s.Status.LoginAccount)
	}
	return nil
}

// ignoreRefusal drops the error of a server that does not disclose a password.
func ignoreRefusal(err error) error {
	if noSuchData(err) {
		return nil
	}
	return err
}
