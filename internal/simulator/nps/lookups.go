// SPDX-License-Identifier: Apache-2.0

package nps

import "net/http"

// searchPolicies returns the policies that would allow an activity on a resource, best first (nps contract 10).
func (s *Server) searchPolicies(c *call) (answer, error) {
	r := c.queryReader()
	accountID := r.guid("managedaccountid")
	if err := r.errs.problem(); err != nil {
		return answer{}, err
	}
	who, err := s.accountFor(c, accountID, http.StatusBadRequest)
	if err != nil {
		return answer{}, err
	}
	activity, on := s.catalogue.activity("", r.text("activityname")), s.namedTarget(r.text("resourcename"))
	if activity == nil || on == nil {
		return answer{}, refuse(http.StatusBadRequest, "There is no policy for this resource, credential or activity.")
	}
	policies := s.catalogue.policiesFor(who, activity, *on)
	if len(policies) == 0 {
		return answer{}, refuse(http.StatusNotFound, "No policy matches.")
	}
	out := make([]object, 0, len(policies))
	for _, p := range policies {
		out = append(out, s.simplePolicy(p))
	}
	return ok(out), nil
}

// namedTarget finds the resource, or else the credential, with a name.
func (s *Server) namedTarget(name string) *target {
	if r := s.catalogue.resource("", name); r != nil {
		return &target{resource: r}
	}
	cr := s.catalogue.credential(createRequest{credentialName: name})
	if cr == nil || name == "" {
		return nil
	}
	return &target{credential: cr}
}

// simplePolicy is the vendor's SimpleAccessControlPolicy.
func (s *Server) simplePolicy(p *Policy) object {
	activities := []object{}
	for _, name := range p.Activities {
		if a := s.catalogue.activity("", name); a != nil {
			activities = append(activities, object{"id": a.ID, "name": a.Name, "activityType": a.Type})
		}
	}
	return object{
		"id": p.ID, "name": p.Name, "priority": p.Priority, "notesRequired": p.Profile.NotesRequired,
		"ticketRequired": p.Profile.TicketRequired, "approvalTypeRequired": approvalCodes[p.Profile.Approval],
		"policyType": p.kind(), "activities": activities,
		"activityConfigurationId":               deriveGUID("profile", p.Name),
		"activityConfigurationMaxSessionLength": int(p.Profile.MaxSessionLength.Minutes()),
	}
}

// listActivityCards returns what the caller may do, one card per activity (nps contract 10).
func (s *Server) listActivityCards(c *call) (answer, error) {
	r := c.queryReader()
	id := r.guid("managedaccountid")
	if err := r.errs.problem(); err != nil {
		return answer{}, err
	}
	return s.answerCards(c, id)
}

// listAccountCards does the same for the account in the path (nps contract 10).
func (s *Server) listAccountCards(c *call) (answer, error) {
	id, err := c.id()
	if err != nil {
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

// listPolicyResources returns the resources that an activity is allowed on (nps contract 10). The documents and the
// vendor's scripts disagree about the form of an entry, so it has the members of both.
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

// getResource returns one resource; an unknown one is 400 here (nps contract 10).
func (s *Server) getResource(c *call) (answer, error) {
	id, err := c.id()
	if err != nil {
		return answer{}, err
	}
	r := s.catalogue.resource(id, "")
	if r == nil {
		return answer{}, refuse(http.StatusBadRequest, "The managed resource was not found.")
	}
	return ok(s.catalogue.resourceView(r)), nil
}

// listResources returns all resources to an administrator (nps contract 10).
func (s *Server) listResources(c *call) (answer, error) {
	q, err := c.listQuery(takeAll)
	if err != nil {
		return answer{}, err
	}
	out := []object{}
	for i := range s.catalogue.resources {
		if r := &s.catalogue.resources[i]; containsText(r.Name, q.filter) {
			out = append(out, s.catalogue.resourceView(r))
		}
	}
	return ok(dataTable{Data: window(out, q.skip, q.take), RecordsTotal: len(out)}), nil
}

// listPlatforms returns an array (nps contract 7.3).
func (s *Server) listPlatforms(*call) (answer, error) {
	out := make([]object, 0, len(s.catalogue.platforms))
	for i := range s.catalogue.platforms {
		out = append(out, platformObject(&s.catalogue.platforms[i]))
	}
	return ok(out), nil
}

// getPlatform returns one platform, with the base of a clone (nps contract 7.3).
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

// listActivities returns an array (nps contract 10).
func (s *Server) listActivities(*call) (answer, error) {
	out := make([]object, 0, len(s.catalogue.activities))
	for i := range s.catalogue.activities {
		out = append(out, activityObject(&s.catalogue.activities[i]))
	}
	return ok(out), nil
}

// getActivity returns one activity (nps contract 10).
func (s *Server) getActivity(c *call) (answer, error) {
	id, err := c.id()
	if err != nil {
		return answer{}, err
	}
	a := s.catalogue.activity(id, "")
	if a == nil {
		return answer{}, refuse(http.StatusNotFound, "The activity was not found.")
	}
	return ok(activityObject(a)), nil
}
