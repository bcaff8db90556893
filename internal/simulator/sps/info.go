// SPDX-License-Identifier: Apache-2.0

package sps

import (
	"slices"
)

// areas handles GET /api: what exists, for clients that discover (docs/vendors/sps.md 9).
func (a *Appliance) areas(*call) (answer, error) {
	names := []string{
		"audit", "authentication", "configuration", "firmware", "health-status", "health_status", "info", "setup",
		"transaction", "user",
	}
	if a.Switches().ActiveSessions {
		names = append(names, "active-sessions")
		slices.Sort(names)
	}
	items := make([]any, 0, len(names))
	for _, name := range names {
		items = append(items, item(name, "/api/"+name))
	}
	return ok(fields{"items": items, "meta": fields{"href": "/api"}}), nil
}

// info handles GET /api/info, with more details after log-in (docs/vendors/sps.md 9).
func (a *Appliance) info(c *call) (answer, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	body := fields{
		"domainname": "example.com", "hostname": "sps", "nickname": "simulator", "plugin_sdk_version": "1.5.0",
		"support_link": "https://support.oneidentity.com/",
	}
	meta := link("/api/info")
	if c.session != nil {
		body["analytics_enabled"] = false
		body["build_date"] = "2020-01-01"
		body["firmware_version"] = a.switches.FirmwareVersion
		body["roles"] = a.switches.Roles
		body["version"] = a.switches.FirmwareVersion
		if a.switches.ConfigHash {
			body["config_hash"] = a.committed.hash()
		}
		meta["remaining_seconds"] = int(a.idleLimit().Seconds())
	}
	return ok(fields{"body": body, "key": "about_info", "meta": meta}), nil
}

func (a *Appliance) setup(*call) (answer, error) {
	return ok(fields{"status": a.Switches().SetupStatus, "meta": link("/api/setup")}), nil
}

// health handles both spellings of the path (Q23).
func (a *Appliance) health(c *call) (answer, error) {
	perProtocol := fields{"http": 0, "ica": 0, "mssql": 0, "rdp": 0, "ssh": 0, "telnet": 0, "vnc": 0}
	total := 0
	for _, s := range a.Sessions() {
		if n, known := perProtocol[s.Protocol].(int); known && s.Active {
			perProtocol[s.Protocol] = n + 1
			total++
		}
	}
	status := fields{
		"cpu": 3, "memory": 21, "swap": 0, "disk": 12, "load1": 0.1, "load5": 0.1, "load15": 0.1, "raid": nil,
		"firmware": fields{"tainted_files": []string{}, "integrity": fields{"boot": "ok", "core": "ok"}},
		"sessions": perProtocol, "sessions_total": total,
	}
	return ok(fields{"health_status": status, "meta": link(c.path)}), nil
}

func (a *Appliance) firmwareSlots(*call) (answer, error) {
	const path = "/api/firmware/slots"
	slot := item("current", path+"/current")
	slot["body"] = fields{"version": a.Switches().FirmwareVersion}
	return ok(fields{"items": []any{slot}, "meta": link(path)}), nil
}
