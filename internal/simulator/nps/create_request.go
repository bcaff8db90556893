// SPDX-License-Identifier: Apache-2.0

package nps

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"time"
)

// createRequest is the vendor's ActivitySessionRequest (docs/vendors/nps.md 4.1), as far as the server accepts it from
// a client.
type createRequest struct {
	resourceName, resourceID             string
	activityName, activityID             string
	credentialName, credentialID         string
	credentialUsername, credentialDomain string
	policyID, accountID                  string
	start, end                           time.Time // zero if omitted
	note, ticket                         *string
	fields                               []customField
}

// fieldReader reads typed values from a JSON object and compares member names case-insensitively.
type fieldReader struct {
	members map[string]json.RawMessage
	errs    fieldErrors
}

func parseCreate(body []byte) (createRequest, error) {
	var raw map[string]json.RawMessage
	if err := json.Unmarshal(body, &raw); err != nil || raw == nil {
		return createRequest{}, invalid("$", "The JSON value could not be converted to ActivitySessionRequest.")
	}
	f := fieldReader{members: map[string]json.RawMessage{}, errs: fieldErrors{}}
	for name, value := range raw {
		f.members[strings.ToLower(name)] = value
	}
	r := createRequest{
		resourceName: f.text("managedResourceName"), resourceID: f.guid("managedResourceId", true),
		activityName: f.text("activityName"), activityID: f.guid("activityId", false),
		credentialName: f.text("credentialName"), credentialID: f.guid("credentialId", true),
		credentialUsername: f.text("credentialUsername"), credentialDomain: f.text("credentialDomain"),
		policyID: f.guid("accessPolicyId", true), accountID: f.guid("managedAccountId", false),
		start: f.time("startDateTimeUtc", false), end: f.time("endDateTimeUtc", true),
		note: f.textPointer("note"), ticket: f.textPointer("ticket"),
	}
	f.read("customFields", &r.fields, true, "CustomField[]")
	return r, f.errs.problem()
}

// read decodes a member and returns whether it is present. A null counts as absent where the type allows null, and is a
// validation problem otherwise.
func (f fieldReader) read(name string, into any, nullable bool, typeName string) bool {
	raw, ok := f.members[strings.ToLower(name)]
	if !ok {
		return false
	}
	isNull := string(raw) == "null"
	if isNull && nullable {
		return false
	}
	if isNull || json.Unmarshal(raw, into) != nil {
		f.unreadable(name, typeName)
		return false
	}
	return true
}

func (f fieldReader) unreadable(name, typeName string) {
	f.errs.add("$."+name, fmt.Sprintf("The JSON value could not be converted to %s. Path: $.%s.", typeName, name))
}

func (f fieldReader) text(name string) string {
	if p := f.textPointer(name); p != nil {
		return *p
	}
	return ""
}

func (f fieldReader) textPointer(name string) *string {
	var s string
	if !f.read(name, &s, true, "System.String") {
		return nil
	}
	return &s
}

// guid reads a GUID; the zero GUID counts as absent.
func (f fieldReader) guid(name string, nullable bool) string {
	var s string
	if !f.read(name, &s, nullable, "System.Guid") {
		return ""
	}
	id, valid := parseGUID(s)
	if !valid {
		f.unreadable(name, "System.Guid")
	}
	if id == zeroGUID {
		return ""
	}
	return id
}

// time reads a time; .NET's zero year counts as absent.
func (f fieldReader) time(name string, nullable bool) time.Time {
	var s string
	if !f.read(name, &s, nullable, "System.DateTime") {
		return time.Time{}
	}
	t, valid := parseTime(s)
	if !valid {
		f.unreadable(name, "System.DateTime")
	}
	return t
}

// target returns the subject of a request. A resource and a credential exclude each other (docs/vendors/nps.md 4.1).
func (c *catalogue) target(r createRequest) (target, error) {
	byResource := r.resourceID != "" || r.resourceName != ""
	byCredential := r.credentialID != "" || r.credentialName != "" || r.credentialUsername != ""
	switch {
	case byResource == byCredential:
		return target{}, refuse(http.StatusBadRequest, "Name either a managed resource or a credential.")
	case byResource:
		if found := c.resource(r.resourceID, r.resourceName); found != nil {
			return target{resource: found}, nil
		}
		return target{}, refuse(http.StatusNotFound, "The managed resource was not found.")
	}
	if found := c.credential(r); found != nil {
		return target{credential: found}, nil
	}
	return target{}, refuse(http.StatusNotFound, "The credential was not found.")
}

func (c *catalogue) credential(r createRequest) *Credential {
	return find(c.credentials, func(cr *Credential) bool {
		switch {
		case r.credentialID != "":
			return cr.ID == r.credentialID
		case r.credentialName != "":
			return strings.EqualFold(cr.Name, r.credentialName)
		}
		return strings.EqualFold(cr.Username, r.credentialUsername) && strings.EqualFold(cr.Domain, r.credentialDomain)
	})
}
