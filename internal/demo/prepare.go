// SPDX-License-Identifier: Apache-2.0

package demo

import (
	"context"
	"net/http"
	"net/url"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

// Collections of the simulated SPS appliance.
const (
	usersCollection    = "aaa/local_database/users"
	policiesCollection = "rdp/connections"
)

// prepareAppliance creates what the samples expect: users that the appliance already has, and live sessions to close.
func (d *demo) prepareAppliance(ctx context.Context) error {
	for _, name := range d.samples.foreignUsers() {
		d.screen.detail("user %s", name)
		target := d.appliances.objects(usersCollection, "")
		if err := control(ctx, http.MethodPut, target, map[string]any{"name": name}, nil); err != nil {
			return err
		}
	}
	for _, id := range d.samples.sessionsToClose() {
		d.screen.detail("live session %s", id)
		target := d.appliances.SPSControl + "/sessions"
		if err := control(ctx, http.MethodPost, target, map[string]any{"id": id}, nil); err != nil {
			return err
		}
	}
	return nil
}

// objects is the address of a collection, or of one object of it, at the control API of SPS.
func (a appliances) objects(collection, key string) string {
	query := "collection=" + collection // a query may contain a slash
	if key != "" {
		query += "&key=" + url.QueryEscape(key)
	}
	return a.SPSControl + "/objects?" + query
}

// foreignUsers are the members of groups that have no LocalUser.
func (s samples) foreignUsers() []string {
	var names []string
	for _, o := range s {
		if o.GetKind() != "LocalUserGroup" {
			continue
		}
		members, _, _ := unstructured.NestedSlice(o.Object, "spec", "members")
		for _, member := range members {
			if m, isMap := member.(map[string]any); isMap {
				if name, isText := m["user"].(string); isText {
					names = append(names, name)
				}
			}
		}
	}
	return names
}

// sessionsToClose are the ids of the live sessions that the samples close.
func (s samples) sessionsToClose() []string {
	var ids []string
	for _, o := range s {
		if o.GetKind() != "SessionTermination" {
			continue
		}
		if id, _, _ := unstructured.NestedString(o.Object, "spec", "sessionID"); id != "" {
			ids = append(ids, id)
		}
	}
	return ids
}
