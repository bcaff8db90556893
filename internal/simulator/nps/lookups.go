// SPDX-License-Identifier: Apache-2.0

package nps

import "net/http"

// listActivityCards returns what the caller may do, one card per activity (docs/vendors/nps.md 10).
func (s *Server) listActivityCards(c *call) (answer, error) {
	r := c.queryReader()
	id := r.guid("managedaccountid")
	if err := r.errs.problem(); err != nil {
		return answer{}, err
	}
	return s.answerCards(c, id)
}

func (s *Server) answerCards(c *call, accountID string) (answer, error) {
	who, err := s.accountFor(c, accountID, http.StatusBadRequest)
	if err != nil {
		return answer{}, err
	}
	q, err := c.listQuery(takeAll)
	if err != nil {
		return answer{}, err
	}
	cards := []object{}
	for i := range s.catalogue.activities {
		a := &s.catalogue.activities[i]
		policies := s.policiesOf(who, a)
		if len(policies) > 0 && containsText(a.Name, q.filter) {
			cards = append(cards, s.activityCard(a, policies))
		}
	}
	return ok(dataTable{Data: window(cards, q.skip, q.take), RecordsTotal: len(cards)}), nil
}

// policiesOf returns the policies that let an account do something on any target.
func (s *Server) policiesOf(who *account, a *Activity) []*Policy {
	var out []*Policy
	for i := range s.catalogue.policies {
		p := &s.catalogue.policies[i]
		if !p.Disabled && p.allowsUser(who) && containsFold(p.Activities, a.Name) {
			out = append(out, p)
		}
	}
	return out
}

func (s *Server) activityCard(a *Activity, policies []*Policy) object {
	list := make([]object, 0, len(policies))
	for _, p := range policies {
		list = append(list, object{
			"policyId": p.ID, "policyName": p.Name, "policyType": p.kind(), "customFields": fieldDefinitions(p),
			"maxSessionLength": int(p.Profile.MaxSessionLength.Minutes()),
			"notesRequired":    p.Profile.NotesRequired, "ticketRequired": p.Profile.TicketRequired,
		})
	}
	return object{
		"id": a.ID, "name": a.Name, "activityType": a.Type, "platformId": a.PlatformID,
		"platformName": s.catalogue.platformName(a.PlatformID), "policies": list, "policyId": policies[0].ID,
	}
}

// listPolicyResources returns the resources that an activity is allowed on (docs/vendors/nps.md 10). The documents and
// the vendor's scripts disagree about the form of an entry, so it has the members of both.
func (s *Server) listPolicyResources(c *call) (answer, error) {
	r := c.queryReader()
	activityID, policyID, accountID := r.guid("activityid"), r.guid("policyid"), r.guid("managedaccountid")
	if err := r.errs.problem(); err != nil {
		return answer{}, err
	}
	q, err := c.listQuery(takeAll)
	if err != nil {
		return answer{}, err
	}
	who, err := s.accountFor(c, accountID, http.StatusBadRequest)
	if err != nil {
		return answer{}, err
	}
	activity := s.catalogue.activity(activityID, "")
	if activity == nil {
		return answer{}, refuse(http.StatusBadRequest, "The activity was not found.")
	}
	out := []object{}
	for i := range s.catalogue.resources {
		res := &s.catalogue.resources[i]
		if s.reaches(who, activity, res, policyID) && containsText(res.Name, q.filter) {
			out = append(out, s.resourceEntry(res))
		}
	}
	return ok(dataTable{Data: window(out, q.skip, q.take), RecordsTotal: len(out)}), nil
}

func (s *Server) reaches(who *account, a *Activity, r *Resource, policyID string) bool {
	return find(s.catalogue.policiesFor(who, a, target{resource: r}), func(p **Policy) bool {
		return policyID == "" || (*p).ID == policyID
	}) != nil
}

func (s *Server) resourceEntry(r *Resource) object {
	platform := s.catalogue.platformName(r.PlatformID)
	return object{
		"id": r.ID, "name": r.Name, "policyType": 0, "activityPolicies": []object{}, "os": platform, "platform": platform,
		"resource": object{"id": r.ID, "dnsHostName": r.Name, "platformName": platform, "platformId": r.PlatformID},
	}
}

// getPlatform returns one platform, with the base of a clone (docs/vendors/nps.md 7.3).
func (s *Server) getPlatform(c *call) (answer, error) {
	id, err := c.id()
	if err != nil {
		return answer{}, err
	}
	p := s.catalogue.platform(id)
	if p == nil {
		return answer{}, refuse(http.StatusNotFound, "The platform was not found.")
	}
	return ok(platformObject(p)), nil
}
