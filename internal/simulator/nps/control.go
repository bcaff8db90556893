// SPDX-License-Identifier: Apache-2.0

package nps

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"

	"github.com/pam-operator/pam-operator/internal/simulator/fault"
)

// ControlHandler serves the control API to other processes, as JSON without authentication: bind it to loopback. The
// host strips its own prefix.
//
//	GET    /sessions, /sessions/{id}
//	POST   /sessions/{id}/approve|deny|end|lock|unlock|purge
//	POST   /sessions/{id}/fail         {"message": "..."}
//	POST   /sessions/{id}/status       {"status": 42}
//	GET    /calls                      DELETE /calls
//	GET    /switches                   PUT /switches    changes the given members and keeps the others
//	GET    /faults                     PUT /faults      one fault.Rule
//	DELETE /faults, /faults/{name}
//	GET    /stats
//	POST   /tokens/revoke-all
//	PUT    /applications/{login}/serial   {"serialNumber": "..."}
//
// Success without content is 204; errors are {"error": "..."} with 400, 404 or 409.
func (s *Server) ControlHandler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /sessions", show(func(*http.Request) (any, error) { return s.Sessions(), nil }))
	mux.HandleFunc("GET /sessions/{id}", show(s.controlSession))
	mux.HandleFunc("POST /sessions/{id}/{action}", act(s.controlAction))
	mux.HandleFunc("GET /calls", show(func(*http.Request) (any, error) {
		return append([]fault.Call{}, s.faults.Calls()...), nil // [] instead of null
	}))
	mux.HandleFunc("DELETE /calls", act(func(*http.Request) error { s.faults.ResetCalls(); return nil }))
	mux.HandleFunc("GET /switches", show(func(*http.Request) (any, error) { return s.Switches(), nil }))
	mux.HandleFunc("PUT /switches", act(s.controlSwitches))
	mux.HandleFunc("GET /faults", show(func(*http.Request) (any, error) { return s.faults.Rules(), nil }))
	mux.HandleFunc("PUT /faults", act(s.controlFault))
	mux.HandleFunc("DELETE /faults", act(func(*http.Request) error { s.faults.Clear(); return nil }))
	mux.HandleFunc("DELETE /faults/{name}", act(func(r *http.Request) error {
		s.faults.Remove(r.PathValue("name"))
		return nil
	}))
	mux.HandleFunc("GET /stats", show(func(*http.Request) (any, error) { return s.Stats(), nil }))
	mux.HandleFunc("POST /tokens/revoke-all", act(func(*http.Request) error { s.RevokeTokens(); return nil }))
	mux.HandleFunc("PUT /applications/{login}/serial", act(s.controlSerial))
	return mux
}

func (s *Server) controlSession(r *http.Request) (any, error) {
	x, found := s.Session(r.PathValue("id"))
	if !found {
		return nil, fmt.Errorf("session %q: %w", r.PathValue("id"), ErrNotFound)
	}
	return x, nil
}

func (s *Server) controlAction(r *http.Request) error {
	id := r.PathValue("id")
	switch action := r.PathValue("action"); action {
	case "approve":
		return s.Approve(id)
	case "deny":
		return s.Deny(id)
	case "end":
		return s.End(id)
	case "lock", "unlock":
		return s.Lock(id, action == "lock")
	case "purge":
		return s.Purge(id)
	case "fail":
		var body struct{ Message string }
		if err := readControl(r, &body); err != nil {
			return err
		}
		return s.Fail(id, body.Message)
	case "status":
		var body struct{ Status any }
		if err := readControl(r, &body); err != nil {
			return err
		}
		return s.SetStatus(id, body.Status)
	default:
		return fmt.Errorf("action %q: %w", action, ErrNotFound)
	}
}

func (s *Server) controlSwitches(r *http.Request) error {
	var body json.RawMessage
	err := readControl(r, &body)
	if err != nil {
		return err
	}
	s.SetSwitches(func(sw *Switches) {
		next := sw.clone()
		if err = decodeControl(bytes.NewReader(body), &next); err == nil {
			*sw = next
		}
	})
	return err
}

func (s *Server) controlFault(r *http.Request) error {
	var rule fault.Rule
	if err := readControl(r, &rule); err != nil {
		return err
	}
	return s.faults.Set(rule)
}

func (s *Server) controlSerial(r *http.Request) error {
	var body struct{ SerialNumber string }
	if err := readControl(r, &body); err != nil {
		return err
	}
	return s.SetApplicationSerial(r.PathValue("login"), body.SerialNumber)
}

func readControl(r *http.Request, into any) error {
	return decodeControl(io.LimitReader(r.Body, maxBody), into)
}

// decodeControl treats an empty body as {}. An unknown member is an error, because it is a spelling mistake.
func decodeControl(body io.Reader, into any) error {
	d := json.NewDecoder(body)
	d.DisallowUnknownFields()
	if err := d.Decode(into); err != nil && !errors.Is(err, io.EOF) {
		return fmt.Errorf("read body: %w", err)
	}
	return nil
}

func show(f func(*http.Request) (any, error)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		body, err := f(r)
		if err != nil {
			controlRefusal(err).write(w)
			return
		}
		answer{status: http.StatusOK, body: body}.write(w)
	}
}

func act(f func(*http.Request) error) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if err := f(r); err != nil {
			controlRefusal(err).write(w)
			return
		}
		w.WriteHeader(http.StatusNoContent)
	}
}

func controlRefusal(err error) answer {
	status := http.StatusBadRequest
	switch {
	case errors.Is(err, ErrNotFound):
		status = http.StatusNotFound
	case errors.Is(err, ErrWrongState):
		status = http.StatusConflict
	}
	return answer{status: status, body: map[string]string{"error": err.Error()}}
}
