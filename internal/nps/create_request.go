// SPDX-License-Identifier: Apache-2.0

package nps

import (
	"encoding/json"
	"fmt"
	"strings"
	"time"
)

// CreateRequest describes the wanted session. Empty members are not sent, because the server refuses null and "" in
// some of them (docs/vendors/nps.md 4.1).
type CreateRequest struct {
	// One of ActivityName and ActivityID.
	ActivityName string
	ActivityID   string

	// One of ManagedResourceName, ManagedResourceID, CredentialID, CredentialName and CredentialUsername.
	ManagedResourceName string // DNS host name or address as registered, not the display name
	ManagedResourceID   string
	CredentialID        string
	CredentialName      string
	CredentialUsername  string
	CredentialDomain    string // only with CredentialUsername

	// AccessPolicyID selects one of several matching policies; optional.
	AccessPolicyID string
	// Start is when the session begins. Zero means now and is preferable, because the clocks of both sides may differ.
	Start time.Time
	// End is when the session ends. Zero means the maximum that the connection profile allows.
	End time.Time
	// Note is shown to approvers and in summaries, and is searchable.
	Note   string
	Ticket string
	// CustomFields are those defined by the connection profile.
	CustomFields []CustomField
}

// CustomField is the value of one custom field.
type CustomField struct {
	PolicyID string          `json:"policyId,omitempty"`
	Type     CustomFieldType `json:"customFieldDataType"`
	Name     string          `json:"name"`
	Value    string          `json:"value"` // at most 12 characters if Type is CustomFieldString
}

// CustomFieldType is the type of a custom field's value.
type CustomFieldType int

// The types of custom fields.
const (
	CustomFieldInteger CustomFieldType = 0
	CustomFieldString  CustomFieldType = 1
	CustomFieldOptions CustomFieldType = 2
)

// InvalidRequestError means that a request was not sent, because it is invalid.
type InvalidRequestError struct {
	Field   string
	Problem string
}

// Error returns the field and the problem.
func (e *InvalidRequestError) Error() string { return fmt.Sprintf("%s: %s", e.Field, e.Problem) }

// Validate rejects what the server would have to guess. Its error is an *InvalidRequestError.
func (r CreateRequest) Validate() error {
	err := exactlyOne(field{"activityName", r.ActivityName}, field{"activityId", r.ActivityID})
	if err != nil {
		return err
	}
	err = exactlyOne(
		field{"managedResourceName", r.ManagedResourceName}, field{"managedResourceId", r.ManagedResourceID},
		field{"credentialId", r.CredentialID}, field{"credentialName", r.CredentialName},
		field{"credentialUsername", r.CredentialUsername})
	switch {
	case err != nil:
		return err
	case r.CredentialDomain != "" && r.CredentialUsername == "":
		return &InvalidRequestError{Field: "credentialDomain", Problem: "needs credentialUsername"}
	case !r.End.IsZero() && !r.End.After(r.Start):
		return &InvalidRequestError{Field: "endDateTimeUtc", Problem: "is not after startDateTimeUtc"}
	}
	return nil
}

type field struct{ name, value string }

// exactlyOne requires exactly one of the alternatives to be set. If two are set, its error names the second.
func exactlyOne(alternatives ...field) error {
	names := make([]string, 0, len(alternatives))
	var set []string
	for _, f := range alternatives {
		names = append(names, f.name)
		if f.value != "" {
			set = append(set, f.name)
		}
	}
	switch len(set) {
	case 0:
		return &InvalidRequestError{Field: names[0], Problem: "is missing; want one of " + strings.Join(names, ", ")}
	case 1:
		return nil
	}
	return &InvalidRequestError{Field: set[1], Problem: "excludes " + set[0]}
}

// MarshalJSON writes the members that are set, times in whole seconds of UTC.
func (r CreateRequest) MarshalJSON() ([]byte, error) {
	return json.Marshal(struct {
		ActivityName        string        `json:"activityName,omitempty"`
		ActivityID          string        `json:"activityId,omitempty"`
		ManagedResourceName string        `json:"managedResourceName,omitempty"`
		ManagedResourceID   string        `json:"managedResourceId,omitempty"`
		CredentialID        string        `json:"credentialId,omitempty"`
		CredentialName      string        `json:"credentialName,omitempty"`
		CredentialUsername  string        `json:"credentialUsername,omitempty"`
		CredentialDomain    string        `json:"credentialDomain,omitempty"`
		AccessPolicyID      string        `json:"accessPolicyId,omitempty"`
		Start               string        `json:"startDateTimeUtc,omitempty"`
		End                 string        `json:"endDateTimeUtc,omitempty"`
		Note                string        `json:"note,omitempty"`
		Ticket              string        `json:"ticket,omitempty"`
		CustomFields        []CustomField `json:"customFields,omitempty"`
	}{
		r.ActivityName, r.ActivityID, r.ManagedResourceName, r.ManagedResourceID,
		r.CredentialID, r.CredentialName, r.CredentialUsername, r.CredentialDomain,
		r.AccessPolicyID, requestTime(r.Start), requestTime(r.End), r.Note, r.Ticket, r.CustomFields,
	})
}

func requestTime(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.UTC().Format(requestTimeFormat)
}
