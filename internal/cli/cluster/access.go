// SPDX-License-Identifier: Apache-2.0

package cluster

import (
	"context"
	"strings"

	authenticationv1 "k8s.io/api/authentication/v1"
	authorizationv1 "k8s.io/api/authorization/v1"
)

// Right is a verb on a resource, as in RBAC.
type Right struct {
	// Verb is get, list, and so on.
	Verb string
	// Resource is the plural with the group, such as localusers.pam-operator.io.
	Resource string
	// Namespace is empty for the whole cluster.
	Namespace string
	// Name is that of the object, where the right may be for one object only.
	Name string
}

// May asks the API server whether the caller has a right. Everybody who is logged in may ask.
func (c *Client) May(ctx context.Context, right Right) (bool, error) {
	name, group, _ := strings.Cut(right.Resource, ".")
	review := &authorizationv1.SelfSubjectAccessReview{Spec: authorizationv1.SelfSubjectAccessReviewSpec{
		ResourceAttributes: &authorizationv1.ResourceAttributes{
			Verb: right.Verb, Resource: name, Group: group, Namespace: right.Namespace,
			Name: right.Name,
		},
	}}
	if err := c.Create(ctx, review); err != nil {
		return false, err
	}
	return review.Status.Allowed, nil
}

// Require is the error of the first right that the caller lacks.
func (c *Client) Require(ctx context.Context, rights ...Right) error {
	for _, right := range rights {
		allowed, err := c.May(ctx, right)
		if err != nil {
			return err
		}
		if !allowed {
			return &ForbiddenError{Verb: right.Verb, Resource: right.Resource, Namespace: right.Namespace}
		}
	}
	return nil
}

// WhoAmI is the name by which the API server knows the caller.
func (c *Client) WhoAmI(ctx context.Context) (string, error) {
	review := &authenticationv1.SelfSubjectReview{}
	if err := c.Create(ctx, review); err != nil {
		return "", err
	}
	return review.Status.UserInfo.Username, nil
}
