// SPDX-License-Identifier: Apache-2.0

package nps

import (
	"net/http"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"
)

// maxStringField is how many characters a custom field of type string can have (docs/vendors/nps.md 4.1).
const maxStringField = 12

// accepts returns an error unless a request gives everything that the profile requires (docs/vendors/nps.md 4.1).
func (p *Profile) accepts(r createRequest, policyID string) error {
	switch {
	case p.Approval == ApprovalDeny:
		return refuse(http.StatusBadRequest, "The policy denies this activity.")
	case p.NotesRequired && blank(r.note):
		return refuse(http.StatusBadRequest, "Notes are required.")
	case p.TicketRequired && blank(r.ticket):
		return refuse(http.StatusBadRequest, "A ticket number is required.")
	}
	for _, given := range r.fields {
		if err := p.acceptsField(given, policyID); err != nil {
			return err
		}
	}
	for _, field := range p.CustomFields {
		if field.Required && !slices.ContainsFunc(r.fields, field.isGivenBy) {
			return refuse(http.StatusBadRequest, "The custom field '"+field.Name+"' is required.")
		}
	}
	return nil
}

func blank(text *string) bool { return text == nil || strings.TrimSpace(*text) == "" }

func (f CustomField) isGivenBy(given customField) bool {
	return strings.EqualFold(f.Name, given.Name) && given.Value != ""
}

func (p *Profile) acceptsField(given customField, policyID string) error {
	field := find(p.CustomFields, func(f *CustomField) bool { return strings.EqualFold(f.Name, given.Name) })
	switch {
	case field == nil || given.PolicyID != "" && !strings.EqualFold(given.PolicyID, policyID):
		return refuse(http.StatusBadRequest, "The policy has no custom field '"+given.Name+"'.")
	case field.Type != given.DataType || !field.allows(given.Value):
		return refuse(http.StatusBadRequest, "The value of the custom field '"+given.Name+"' is not valid.")
	}
	return nil
}

func (f *CustomField) allows(value string) bool {
	switch f.Type {
	case IntegerField:
		_, err := strconv.Atoi(value)
		return err == nil
	case StringField:
		return utf8.RuneCountInString(value) <= maxStringField
	case OptionsField:
		return slices.Contains(f.Options, value)
	}
	return false
}

// approvalCodes are the vendor's ApprovalType: Deny, Allow, Workflow (docs/vendors/nps.md 4.3).
var approvalCodes = map[Approval]int{ApprovalDeny: 0, ApprovalAutomatic: 1, ApprovalWorkflow: 2}
