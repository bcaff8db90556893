// SPDX-License-Identifier: Apache-2.0

package main

import (
	"cmp"
	"net/http"
	"net/url"
	"strings"

	"github.com/pam-operator/pam-operator/internal/simulator/fault"
)

// Kinds of calls to a server, besides those that an appliance has as well.
const (
	callCreate  = "create"
	callConnect = "connection data"
	callEnd     = "end"
)

// serverKindOf returns the purpose of a call to a server (nps contract 1 to 9).
func serverKindOf(c fault.Call) string {
	rest, ofSession := strings.CutPrefix(c.Path, sessionPath)
	head, _, nested := strings.Cut(strings.Trim(rest, "/"), "/")
	switch {
	case !ofSession:
		return signInKindOf(c)
	case c.Method == http.MethodPost && head == "":
		return callCreate
	case c.Method == http.MethodDelete:
		return callEnd
	case c.Method != http.MethodGet:
		return callOther
	case head == "MySummaryByStatus":
		return callList
	case head == "Rdp" || head == "Ssh":
		return callConnect
	case head != "" && !nested:
		return callGet
	}
	return callOther
}

func signInKindOf(c fault.Call) string {
	kind, known := map[string]string{
		"/signinBody": callLogIn, "/signin2fa": callLogIn, "/WebAppApi/api/v1/AppUserToken": callLogIn,
		"/api/v1/UserToken": callLogIn, "/api/v1/Version": callInfo,
	}[c.Path]
	if !known {
		return callOther
	}
	return kind
}

// pages counts how often each page of each list was requested.
func pages(calls []fault.Call) tally {
	t := tally{}
	for _, c := range calls {
		if serverKindOf(c) != callList {
			continue
		}
		query, err := url.ParseQuery(c.Query)
		if err != nil {
			query = url.Values{}
		}
		t[strings.TrimPrefix(c.Path, sessionPath+"/MySummaryByStatus/")+" from "+cmp.Or(query.Get("skip"), "0")]++
	}
	return t
}
