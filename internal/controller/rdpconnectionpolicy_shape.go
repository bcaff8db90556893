// SPDX-License-Identifier: Apache-2.0

package controller

import (
	"context"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"sync"

	pamv1alpha1 "github.com/pam-operator/pam-operator/api/v1alpha1"
	"github.com/pam-operator/pam-operator/internal/connection"
	"github.com/pam-operator/pam-operator/internal/rest"
	"github.com/pam-operator/pam-operator/internal/sps"
)

// This file decides which members a new policy is created with on an appliance of a version whose members nobody has
// documented (sps contract Q7, Q8). What other policies have is asked for its form and not for its values: somebody who
// raised the log level of one policy does not want it raised for the next ones.

// rdpShape is one way to choose the members of a new policy, from the least to the most that comes from another policy.
type rdpShape int

const (
	// shapeKnown has the documented members, but for defaults that the other policy does not have: its version may have
	// dropped them.
	shapeKnown rdpShape = iota
	// shapeNeutral has the members that only the other policy has as well, switched off.
	shapeNeutral
	// shapeCopied has them as the other policy has them.
	shapeCopied
	// shapeDocumented has the documented members, whatever the other policy has.
	shapeDocumented
	shapes
)

// rdpCandidates are the bodies that a new policy may be created with, by their shapes. template is another policy as it
// was read.
func rdpCandidates(template, managed, complete sps.Body) [shapes]sps.Body {
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

// withoutOptional is a policy without the members that are known, may be missing, and are nobody's but its own (sps
// contract 5).
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

// neutral is the off form of a member that nobody knows: {"enabled": false} of what can be switched (sps contract 5,
// union convention), and null for what refers to another object. Where there is no such form it is taken as it is.
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

// copied is a member in the form in which it is written, without references to what can be used once (sps contract 7).
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

// hrefOf is where a reference leads, as an appliance shows it (sps contract 2).
func hrefOf(object map[string]any) (href string, isReference bool) {
	meta, ok := object["meta"].(map[string]any)
	if _, isText := object["key"].(string); !ok || !isText || len(object) != 2 {
		return "", false
	}
	href, _ = meta["href"].(string)
	return href, true
}

// usedOnce says that an object serves one other object only (sps contract 7). One of which it is not told where it is
// may be such an object.
func usedOnce(href string) bool {
	return href == "" || slices.ContainsFunc(strings.Split(href, "/"), func(part string) bool {
		return part == "passwords" || part == "private_keys"
	})
}

// rdpShapes remembers for each appliance what it last took, so that a thousand new policies are not refused once each.
type rdpShapes struct {
	mu   sync.Mutex
	took map[string]rdpShape
}

// create creates a policy with the first body that the appliance takes. A write that is refused changes nothing and
// leaves the transaction as it is (see groupcommit), so another one may follow it.
func (s *rdpShapes) create(
	ctx context.Context, tx *connection.Transaction, candidates [shapes]sps.Body,
) (key string, err error) {
	var tried []sps.Body
	for _, shape := range s.order(tx.URL()) {
		body := sps.WithoutNulls(candidates[shape])
		if slices.ContainsFunc(tried, func(other sps.Body) bool { return reflect.DeepEqual(other, body) }) {
			continue
		}
		tried = append(tried, body)
		key, refusal := tx.Create(ctx, sps.RDPConnections, body)
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

// alsoRefused adds the refusal of another form to those before it. What is said of a copy is not told: it has values
// from a policy of somebody else, which the appliance may quote.
func alsoRefused(before, refusal error, shape rdpShape) error {
	words := rest.As(refusal).Message
	switch {
	case before == nil && shape == shapeCopied:
		return mustAct(pamv1alpha1.ReasonRejected, "the appliance refuses the policy with the members that others have")
	case before == nil:
		return refusal
	case shape == shapeCopied, strings.Contains(before.Error(), words):
		return before
	}
	return fmt.Errorf("%w; with other members: %s", before, words)
}

// order is in which the shapes are tried: what the appliance last took comes first.
func (s *rdpShapes) order(url string) []rdpShape {
	s.mu.Lock()
	defer s.mu.Unlock()
	out := make([]rdpShape, 0, shapes+1)
	out = append(out, s.took[url])
	for shape := range shapes {
		if shape != s.took[url] {
			out = append(out, shape)
		}
	}
	return out
}

func (s *rdpShapes) remember(url string, shape rdpShape) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.took == nil {
		s.took = map[string]rdpShape{}
	}
	s.took[url] = shape
}
