// SPDX-License-Identifier: Apache-2.0

package sps

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"

	"github.com/pam-operator/pam-operator/internal/simulator/fault"
)

// ControlHandler serves the control API to other processes, as JSON over plain HTTP without authentication: bind it to
// loopback. Errors are {"error": "..."}; changes return 204 unless stated otherwise.
//
//	GET    /                                 this list
//	GET    /state                            all committed objects by collection
//	GET    /stats                            Stats
//	GET    /calls, DELETE /calls             the requests since the start or the last DELETE
//	GET    /switches, PUT /switches          Switches; PUT keeps omitted members and returns the result
//	GET    /faults, PUT /faults              fault.Rule; PUT adds one, or replaces the one with its name
//	DELETE /faults, /faults/{name}           all rules; one
//	GET    /refusals, PUT /refusals          Refusal; PUT adds one
//	DELETE /refusals                         all
//	PUT    /lock {"user":"","via":"ui"}      lets a user hold the configuration
//	GET    /lock, DELETE /lock               the holder; release
//	GET    /objects?collection=              the objects of one collection
//	PUT    /objects?collection=&key=         the bare body of an object, as another user's edit; returns the key.
//	                                         With transactions=true it goes into all open transactions instead
//	DELETE /objects?collection=&key=         removed by another user
//	POST   /objects/move?collection=&key=&position=   moved by another user
//	GET    /sessions, POST /sessions         AuditSession; POST starts one and returns it
//	DELETE /sessions?id=                     its user ends it
//	POST   /logout-all                       ends all log-in sessions
//	POST   /drop-transactions                drops all open transactions and keeps their log-in sessions
func (a *Appliance) ControlHandler() http.Handler {
	mux := http.NewServeMux()
	a.controlState(mux)
	a.controlBehaviour(mux)
	a.controlObjects(mux)
	a.controlSessions(mux)
	return mux
}

// controlRoutes are the patterns of the control API, for the list at its root.
var controlRoutes = []string{
	"GET /state", "GET /stats", "GET /calls", "DELETE /calls", "GET /switches", "PUT /switches", "GET /faults",
	"PUT /faults", "DELETE /faults", "DELETE /faults/{name}", "GET /refusals", "PUT /refusals", "DELETE /refusals",
	"GET /lock", "PUT /lock",
	"DELETE /lock", "GET /objects", "PUT /objects", "DELETE /objects", "POST /objects/move", "GET /sessions",
	"POST /sessions", "DELETE /sessions", "POST /logout-all",
	"POST /drop-transactions",
}

func (a *Appliance) controlState(mux *http.ServeMux) {
	mux.HandleFunc("GET /{$}", show(func() any { return controlRoutes }))
	mux.HandleFunc("GET /state", show(func() any { return a.state() }))
	mux.HandleFunc("GET /stats", show(func() any { return a.Stats() }))
	mux.HandleFunc("GET /calls", show(func() any { return a.faults.Calls() }))
	mux.HandleFunc("DELETE /calls", act(a.faults.ResetCalls))
}

func (a *Appliance) controlBehaviour(mux *http.ServeMux) {
	mux.HandleFunc("GET /switches", show(func() any { return a.Switches() }))
	mux.HandleFunc("PUT /switches", a.putSwitches)
	mux.HandleFunc("PUT /version", take(a.upgradeTo))
	mux.HandleFunc("GET /faults", show(func() any { return a.faults.Rules() }))
	mux.HandleFunc("PUT /faults", take(a.faults.Set))
	mux.HandleFunc("DELETE /faults", act(a.faults.Clear))
	mux.HandleFunc("DELETE /faults/{name}", func(w http.ResponseWriter, r *http.Request) {
		a.faults.Remove(r.PathValue("name"))
		w.WriteHeader(http.StatusNoContent)
	})
	mux.HandleFunc("GET /refusals", show(func() any { return a.Refusals() }))
	mux.HandleFunc("PUT /refusals", take(a.Refuse))
	mux.HandleFunc("DELETE /refusals", act(a.ClearRefusals))
	mux.HandleFunc("GET /lock", show(func() any { return a.LockedBy() }))
	mux.HandleFunc("PUT /lock", take(func(l Lock) error {
		if l.User == "" || l.Via != ViaUI && l.Via != ViaSSH && l.Via != ViaREST {
			return fmt.Errorf("lock: want a user, and via as one of %s, %s and %s", ViaUI, ViaSSH, ViaREST)
		}
		a.LockBy(l.User, l.Via)
		return nil
	}))
	mux.HandleFunc("DELETE /lock", act(a.Unlock))
}

func (a *Appliance) putSwitches(w http.ResponseWriter, r *http.Request) {
	var document json.RawMessage
	if !decode(w, r, &document) {
		return
	}
	// Decode into a copy first: an invalid document must not change anything.
	next := a.Switches()
	if err := json.Unmarshal(document, &next); err != nil {
		controlError(w, http.StatusBadRequest, err)
		return
	}
	a.SetSwitches(func(s *Switches) { *s = next })
	writeJSON(w, http.StatusOK, a.Switches())
}

func (a *Appliance) controlObjects(mux *http.ServeMux) {
	mux.HandleFunc("GET /objects", func(w http.ResponseWriter, r *http.Request) {
		writeJSON(w, http.StatusOK, a.Objects(r.URL.Query().Get("collection")))
	})
	mux.HandleFunc("PUT /objects", a.putObject)
	mux.HandleFunc("DELETE /objects", func(w http.ResponseWriter, r *http.Request) {
		q := r.URL.Query()
		found(w, a.Remove(q.Get("collection"), q.Get("key")))
	})
	mux.HandleFunc("POST /objects/move", func(w http.ResponseWriter, r *http.Request) {
		q := r.URL.Query()
		position, err := strconv.Atoi(q.Get("position"))
		if err != nil {
			controlError(w, http.StatusBadRequest, fmt.Errorf("position: %w", err))
			return
		}
		found(w, a.Move(q.Get("collection"), q.Get("key"), position))
	})
}

func (a *Appliance) putObject(w http.ResponseWriter, r *http.Request) {
	var body map[string]any
	if !decode(w, r, &body) {
		return
	}
	collection, key := r.URL.Query().Get("collection"), r.URL.Query().Get("key")
	if e, known := configurationEndpoints.byPath[collection]; !known || e.kind == areaKind {
		controlError(w, http.StatusNotFound, fmt.Errorf("no collection %q", collection))
		return
	}
	put := a.Put
	if r.URL.Query().Get("transactions") == "true" {
		put = a.PutIntoTransactions
	}
	key = put(collection, key, body)
	writeJSON(w, http.StatusOK, fields{"key": key})
}

func (a *Appliance) controlSessions(mux *http.ServeMux) {
	mux.HandleFunc("GET /sessions", show(func() any { return a.Sessions() }))
	mux.HandleFunc("POST /sessions", func(w http.ResponseWriter, r *http.Request) {
		var s AuditSession
		if decode(w, r, &s) {
			writeJSON(w, http.StatusCreated, a.StartSession(s))
		}
	})
	mux.HandleFunc("DELETE /sessions", func(w http.ResponseWriter, r *http.Request) {
		found(w, a.EndSession(r.URL.Query().Get("id")))
	})
	mux.HandleFunc("POST /logout-all", act(a.LogOutAll))
	mux.HandleFunc("POST /drop-transactions", act(func() { a.DropTransactions() }))
}

func show(value func() any) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) { writeJSON(w, http.StatusOK, value()) }
}

func act(do func()) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		do()
		w.WriteHeader(http.StatusNoContent)
	}
}

func take[T fault.Rule | Refusal | Lock | upgradeRequest](do func(T) error) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		var value T
		if !decode(w, r, &value) {
			return
		}
		if err := do(value); err != nil {
			controlError(w, http.StatusBadRequest, err)
			return
		}
		w.WriteHeader(http.StatusNoContent)
	}
}

// decode reads the body of a control request. An unknown member is an error, because it is most likely a typo.
func decode(w http.ResponseWriter, r *http.Request, into any) bool {
	d := json.NewDecoder(http.MaxBytesReader(w, r.Body, maxBody))
	d.DisallowUnknownFields()
	if err := d.Decode(into); err != nil {
		controlError(w, http.StatusBadRequest, err)
		return false
	}
	return true
}

func found(w http.ResponseWriter, was bool) {
	if !was {
		controlError(w, http.StatusNotFound, fmt.Errorf("no such object"))
		return
	}
	w.WriteHeader(http.StatusNoContent)
}

func controlError(w http.ResponseWriter, status int, err error) {
	writeJSON(w, status, fields{"error": err.Error()})
}
