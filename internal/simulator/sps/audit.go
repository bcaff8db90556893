// SPDX-License-Identifier: Apache-2.0

package sps

import (
	"cmp"
	"fmt"
	"slices"
	"time"
)

// AuditSession is one session that the appliance records or has recorded (docs/vendors/sps.md 8).
type AuditSession struct {
	// ID is recording.session_id, the ID that DELETE /api/active-sessions takes.
	ID string `json:"id"`
	// Key is the key of the search result, which differs from ID.
	Key string `json:"key"`
	// Protocol is "rdp" unless set.
	Protocol string `json:"protocol"`
	// ConnectionPolicy and ConnectionPolicyID are name and key of the connection policy; one follows from the other.
	ConnectionPolicy   string    `json:"connectionPolicy"`
	ConnectionPolicyID string    `json:"connectionPolicyID"`
	ChannelPolicy      string    `json:"channelPolicy"`
	GatewayUser        string    `json:"gatewayUser"`
	ServerUser         string    `json:"serverUser"`
	ClientIP           string    `json:"clientIP"`
	ServerIP           string    `json:"serverIP"`
	ServerPort         int       `json:"serverPort"`
	Active             bool      `json:"active"`
	Start              time.Time `json:"start"`
	// End is zero while the session is active.
	End time.Time `json:"end,omitzero"`
}

// StartSession starts a live session. Empty members get plausible values; the result contains them.
func (a *Appliance) StartSession(s AuditSession) AuditSession {
	a.mu.Lock()
	defer a.mu.Unlock()
	id := randomHex(11)
	s.ID = cmp.Or(s.ID, fmt.Sprintf("svc/%s/%s:%d", id, cmp.Or(s.ConnectionPolicy, "session"), len(a.recorded)+1))
	s.Key = cmp.Or(s.Key, id)
	s.Protocol = cmp.Or(s.Protocol, "rdp")
	if policy := a.committed.byName(connectionsCollection, s.ConnectionPolicy); policy != nil {
		s.ConnectionPolicyID = cmp.Or(s.ConnectionPolicyID, policy.key)
	}
	if policy := a.committed.get(place{connectionsCollection, s.ConnectionPolicyID}); policy != nil {
		s.ConnectionPolicy = cmp.Or(s.ConnectionPolicy, policy.name)
	}
	s.ChannelPolicy = cmp.Or(s.ChannelPolicy, "all")
	s.GatewayUser, s.ServerUser = cmp.Or(s.GatewayUser, "gateway"), cmp.Or(s.ServerUser, "administrator")
	s.ClientIP, s.ServerIP = cmp.Or(s.ClientIP, "192.0.2.10"), cmp.Or(s.ServerIP, "192.0.2.20")
	s.ServerPort = cmp.Or(s.ServerPort, 3389)
	if s.Start.IsZero() {
		s.Start = a.now()
	}
	s.Active, s.End = true, time.Time{}
	a.recorded = append(a.recorded, &s)
	return s
}

// Sessions lists the live and the ended sessions, oldest first.
func (a *Appliance) Sessions() []AuditSession {
	a.mu.Lock()
	defer a.mu.Unlock()
	out := make([]AuditSession, 0, len(a.recorded))
	for _, s := range a.recorded {
		out = append(out, *s)
	}
	return out
}

// EndSession ends a live session, as its user would; false for an unknown ID.
func (a *Appliance) EndSession(id string) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.endSession(id)
}

func (a *Appliance) endSession(id string) bool {
	at := slices.IndexFunc(a.recorded, func(s *AuditSession) bool { return s.ID == id && s.Active })
	if at < 0 {
		return false
	}
	a.recorded[at].Active, a.recorded[at].End = false, a.now()
	return true
}

// sessionBody is a session as the search shows it (docs/vendors/sps.md 8, item body).
func (a *Appliance) sessionBody(s *AuditSession, active bool) fields {
	serverUser := any([]any{s.ServerUser})
	if a.switches.ServerUsernameText {
		serverUser = s.ServerUser
	}
	var end, duration any
	if !active {
		end, duration = s.End.UTC().Format(time.RFC3339), int(s.End.Sub(s.Start).Seconds())
	}
	return fields{
		"active": active, "protocol": s.Protocol, "start_time": s.Start.UTC().Format(time.RFC3339),
		"end_time": end, "duration": duration, "node_id": "node-1", "origin": "recording", "verdict": "accept",
		"client": fields{"ip": s.ClientIP, "name": s.ClientIP, "port": 49152},
		"server": fields{"id": s.ServerIP, "ip": s.ServerIP, "name": s.ServerIP, "port": s.ServerPort},
		"user": fields{
			"id": s.GatewayUser, "name": s.GatewayUser,
			"gateway_username": s.GatewayUser, "server_username": serverUser,
		},
		"recording": fields{
			"session_id": s.ID, "connection_policy": s.ConnectionPolicy, "connection_policy_id": s.ConnectionPolicyID,
			"channel_policy": s.ChannelPolicy, "auth_method": "password", "index_status": "0", "verdict": "accept",
		},
	}
}
