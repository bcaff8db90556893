// SPDX-License-Identifier: Apache-2.0

package nps

import (
	"errors"
	"net/http"
	"strings"

	"github.com/pam-operator/pam-operator/internal/rest"
)

// malformed is the error of an answer that makes no sense despite its good status.
func malformed(req rest.Request, message string) error {
	return &rest.Error{
		Method: req.Method, Path: pathOf(req), Message: message,
		Status: http.StatusOK, Sent: true, Err: rest.ErrMalformedAnswer,
	}
}

// notSent is the error of a call that was not made, or had no effect, because there was no token for it. Its cause may
// be an error of the sign-in, which was sent: the call's own Sent must come first for rest.IsOutcomeUnknown.
func notSent(method, path string, err error) *rest.Error {
	e := &rest.Error{Method: method, Path: path, Message: "sign-in: " + err.Error(), Err: err}
	if _, ok := errors.AsType[*CredentialsError](err); ok {
		e.Status = http.StatusUnauthorized
	}
	return e
}

func pathOf(req rest.Request) string { return "/" + strings.Join(req.Path, "/") }
