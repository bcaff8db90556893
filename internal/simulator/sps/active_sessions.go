// SPDX-License-Identifier: Apache-2.0

package sps

import "net/http"

// terminationErrors are the failures and their statuses (docs/vendors/sps.md 8).
var terminationErrors = map[string]int{
	"SessionIdMissing":                     http.StatusBadRequest,
	"SessionCouldNotBeFound":               http.StatusNotFound,
	"SessionTerminationFailed":             http.StatusInternalServerError,
	"RemoteNodeInfoMissing":                http.StatusInternalServerError,
	"SessionTerminationServiceUnavailable": http.StatusServiceUnavailable,
	"MinionUnavailable":                    http.StatusGatewayTimeout,
}

// terminate handles DELETE /api/active-sessions?id=..., which needs no transaction.
func (a *Appliance) terminate(c *call) (answer, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if err := a.checkWriter(c.session); err != nil {
		return answer{}, err
	}
	id := c.r.URL.Query().Get("id")
	if id == "" {
		return answer{}, terminationError("SessionIdMissing")
	}
	if kind := a.switches.ActiveSessionsError; kind != "" {
		return answer{}, terminationError(kind)
	}
	if !a.endSession(id) {
		return answer{}, terminationError("SessionCouldNotBeFound")
	}
	return ok(fields{"meta": link("/api/active-sessions")}), nil
}

func terminationError(kind string) *apiError {
	status, known := terminationErrors[kind]
	if !known {
		status = http.StatusInternalServerError
	}
	return refused(status, kind, "The session was not terminated: %s", kind)
}
