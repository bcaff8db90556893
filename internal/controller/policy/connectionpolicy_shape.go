// SPDX-License-Identifier: Apache-2.0

package policy

import (
	"context"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"sync"

	pamv1alpha1 "github.com/pam-operator/pam-operator/api/v1alpha1"
	"github.com/pam-operator/pam-operator/internal/appliance"
	"github.com/pam-operator/pam-operator/internal/controller/loop"
	"github.com/pam-operator/pam-operator/internal/rest"
	"github.com/pam-operator/pam-operator/internal/sps"
)

// This file decides which members a new policy is created with on an appliance whose version has undocumented members
// (docs/vendors/sps.md Q7, Q8). Another policy shows their form. Its values are not copied if that can be avoided: an
// administrator who raised the log level of one policy does not want it raised for all later ones.

// bodyShape is one way to choose the members of a new policy. They are in the order in which they are tried: the ones
// that take less from another policy come first.
type bodyShape int

const (
	// shapeKnown has the documented members, without defaults that the other policy does not have: its version may have
	// dropped them.
	shapeKnown bodyShape = iota
	// shapeNeutral also has the undocumented members of the other policy, switched off.
	shapeNeutral
	// shapeCopied also has the undocumented members of the other policy, as they are there.
	shapeCopied
	// shapeDocumented has all documented members and ignores the other policy.
	shapeDocumented
	shapes
)

// candidates are the bodies that a new policy may be created with, by their shapes. template is another policy as it
// was read.
func candidates(template, managed, complete sps.Body) [shapes]sps.Body {
	known := sps.Overlay(complete, nil, nil)
	for name := range complete {
		_, there := template[name]
		if _, wanted := managed[name]; !there && !wanted {
			delete(known, name)
		}
	}
	template = withoutOptional(template)
	return [shapes]sps.Body{
		shapeKnown:      known,
		shapeNeutral:    sps.Complement(known, template, neutral),
		shapeCopied:     sps.Complement(known, template, copied),
		shapeDocumented: complete,
	}
}

// withoutOptional is a policy without the members that are documented, optional and specific to one policy
// (docs/vendors/sps.md 5).
func withoutOptional(policy sps.Body) sps.Body {
	out := sps.Overlay(policy, nil, nil)
	for _, optional := range []struct{ object, member string }{
		{"server_address", "exception_domains"}, {"server_address", "dns_server"}, {"server_address", "dns_suffixes"},
		{"web_gateway_authentication", "groups"},
	} {
		if object, ok := out[optional.object].(map[string]any); ok {
			delete(object, optional.member)
		}
	}
	return out
}

// neutral is the off form of an undocumented member: {"enabled": false} for a switch (docs/vendors/sps.md 5, union
// convention), null for a reference to another object. A member without an off form is copied.
func neutral(value any) any {
	object, ok := value.(map[string]any)
	if !ok {
		return value
	}
	if _, isSwitch := object["enabled"].(bool); isSwitch {
		return map[string]any{"enabled": false}
	}
	if _, isReference := hrefOf(object); isReference {
		return nil
	}
	return copied(value)
}

// copied is a member in the form in which it is written, without references to objects that can be used only once
// (docs/vendors/sps.md 7).
func copied(value any) any {
	switch v := value.(type) {
	case []any:
		out := make([]any, 0, len(v))
		for _, element := range v {
			out = append(out, copied(element))
		}
		return out
	case map[string]any:
		if href, isReference := hrefOf(v); isReference {
			if usedOnce(href) {
				return nil
			}
			return v["key"]
		}
		out := make(map[string]any, len(v))
		for name, member := range v {
			out[name] = copied(member)
		}
		return out
	}
	return value
}

// hrefOf is where a reference leads, as an appliance shows it (docs/vendors/sps.md 2).
func hrefOf(object map[string]any) (href string, isReference bool) {
	meta, ok := object["meta"].(map[string]any)
	if _, isText := object["key"].(string); !ok || !isText || len(object) != 2 {
		return "", false
	}
	href, _ = meta["href"].(string)
	return href, true
}

// usedOnce reports whether an object can serve only one other object (docs/vendors/sps.md 7). An object whose
// collection is not known may be one.
func usedOnce(href string) bool {
	return href == "" || slices.ContainsFunc(strings.Split(href, "/"), func(part string) bool {
		return part == "passwords" || part == "private_keys"
	})
}

// bodyShapes remembers the shape that each appliance last accepted, so that a thousand new policies are not refused
// once each.
type bodyShapes struct {
	collection sps.Collection

	mu       sync.Mutex
	accepted map[string]bodyShape
}

// create creates a policy with the first body that the appliance accepts. A refused write changes nothing and leaves
// the transaction usable (see groupcommit), so another one may follow.
func (s *bodyShapes) create(
	ctx context.Context, tx *appliance.Transaction, candidates [shapes]sps.Body,
) (key string, err error) {
	var tried []sps.Body
	for _, shape := range s.order(tx.URL()) {
		body := sps.WithoutNulls(candidates[shape])
		if slices.ContainsFunc(tried, func(other sps.Body) bool { return reflect.DeepEqual(other, body) }) {
			continue
		}
		tried = append(tried, body)
		key, refusal := tx.Create(ctx, s.collection, body)
		if refusal == nil {
			s.remember(tx.URL(), shape)
			return key, nil
		}
		if !rest.IsRejected(refusal) {
			return "", refusal
		}
		err = alsoRefused(err, refusal, shape)
	}
	return "", err
}

// alsoRefused adds the refusal of another shape to those before it. The refusal of a copy is never shown: the appliance
// may quote values of the other policy, which may belong to another user.
func alsoRefused(before, refusal error, shape bodyShape) error {
	text := rest.As(refusal).Message
	switch {
	case before == nil && shape == shapeCopied:
		return loop.MustAct(pamv1alpha1.ReasonRejected,
			"the appliance refuses the policy with the members that other policies have")
	case before == nil:
		return refusal
	case shape == shapeCopied, strings.Contains(before.Error(), text):
		return before
	}
	return fmt.Errorf("%w; with other members: %s", before, text)
}

// order is the order in which shapes are tried: the one that the appliance last accepted comes first.
func (s *bodyShapes) order(url string) []bodyShape {
	s.mu.Lock()
	defer s.mu.Unlock()
	out := make([]bodyShape, 0, shapes+1)
	out = append(out, s.accepted[url])
	for shape := range shapes {
		if shape != s.accepted[url] {
			out = append(out, shape)
		}
	}
	return out
}

func (s *bodyShapes) remember(url string, shape bodyShape) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.accepted == nil {
		s.accepted = map[string]bodyShape{}
	}
	s.accepted[url] = shape
}
