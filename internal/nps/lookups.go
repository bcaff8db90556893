// SPDX-License-Identifier: Apache-2.0

package nps

import (
	"context"
	"net/url"
	"slices"
	"strconv"
)

// Offer is an activity or a resource that the server offers to the caller.
type Offer struct {
	ID string
	// Names are what a request may call it.
	Names []string
	// policies are the access policies that offer an activity.
	policies []string
}

const (
	// maxOffers is how many offers are read: a server with more is not searched for one that is missing.
	maxOffers = 1000
	// maxPolicies is of how many policies of an activity the resources are read.
	maxPolicies = 5
)

const accessPolicyElement = "AccessControlPolicy"

// offerTable is a page of what is offered. The vendor's documents and scripts disagree about the members of a resource
// (docs/vendors/nps.md 10), so those of both are read.
type offerTable struct {
	Data []struct {
		ID          string `json:"id"`
		Name        string `json:"name"`
		DNSHostName string `json:"dnsHostName"`
		Resource    struct {
			ID          string `json:"id"`
			Name        string `json:"name"`
			DNSHostName string `json:"dnsHostName"`
			IPAddress   string `json:"ipAddress"`
		} `json:"resource"`
		PolicyID string `json:"policyId"`
		Policies []struct {
			PolicyID string `json:"policyId"`
		} `json:"policies"`
	} `json:"data"`
	RecordsTotal int `json:"recordsTotal"`
}

// Activities lists what the caller may request (docs/vendors/nps.md 10). complete says that this is everything; a
// server may refuse the list, or show none.
func (c *Client) Activities(ctx context.Context) (offers []Offer, complete bool, err error) {
	return c.offers(ctx, "ActivityCardWithPolicies", url.Values{"groupByPolicy": {"false"}})
}

// Resources lists what an activity may be requested for, as Activities does.
func (c *Client) Resources(ctx context.Context, activity Offer) (offers []Offer, complete bool, err error) {
	for _, policy := range activity.policies[:min(len(activity.policies), maxPolicies)] {
		more, all, err := c.offers(ctx, "ActivitySessionResources",
			url.Values{"activityId": {activity.ID}, "policyId": {policy}})
		if err != nil || !all {
			return nil, false, err
		}
		offers = append(offers, more...)
	}
	return offers, len(activity.policies) <= maxPolicies && len(offers) > 0, nil
}

func (c *Client) offers(ctx context.Context, list string, query url.Values) (_ []Offer, complete bool, err error) {
	req := get(operationLookUp, accessPolicyElement, list)
	req.Query = query
	req.Query.Set("skip", "0")
	req.Query.Set("take", strconv.Itoa(maxOffers))
	var table offerTable
	if err := c.rest.DoJSON(ctx, req, &table); err != nil {
		return nil, false, err
	}
	offers := make([]Offer, 0, len(table.Data))
	for _, d := range table.Data {
		offer := Offer{ID: cut(d.ID), Names: distinct(d.Name, d.DNSHostName, d.Resource.Name, d.Resource.DNSHostName,
			d.Resource.IPAddress)}
		if offer.ID == "" {
			offer.ID = cut(d.Resource.ID)
		}
		policies := []string{d.PolicyID}
		for _, p := range d.Policies {
			policies = append(policies, p.PolicyID)
		}
		offer.policies = distinct(policies...)
		offers = append(offers, offer)
	}
	n := len(offers)
	return offers, n > 0 && n < maxOffers && n >= table.RecordsTotal, nil
}

// distinct are the values that are not empty, each once.
func distinct(values ...string) []string {
	var out []string
	for _, value := range values {
		if value = cut(value); value != "" && value != emptyGUID && !slices.Contains(out, value) {
			out = append(out, value)
		}
	}
	return out
}
