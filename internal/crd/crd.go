// SPDX-License-Identifier: Apache-2.0

// Package crd compares the CustomResourceDefinitions that a cluster serves with the API types of this version. The API
// server drops, without an error, every field that a definition does not have: the mark of a request, for one, without
// which a session is requested twice.
package crd

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"
	"time"

	"github.com/go-logr/logr"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/util/wait"
	"k8s.io/client-go/openapi"
	"k8s.io/client-go/openapi3"
	"k8s.io/kube-openapi/pkg/spec3"
	"k8s.io/kube-openapi/pkg/validation/spec"
)

const (
	// patience is how long definitions may take to be published: the API server does so soon after they are applied.
	patience = 30 * time.Second
	interval = time.Second
	// shown is how many missing fields an error names.
	shown = 5
)

// ErrOutdated is in the error of Await if the definitions lack something that this version writes.
var ErrOutdated = errors.New("the CustomResourceDefinitions of the cluster are not those of this version: apply its " +
	"CRDs first")

// Await returns nil as soon as the cluster serves all fields of all kinds that the scheme has in a group version, and
// ErrOutdated if it does not within half a minute. It needs no rights but those of every authenticated user; where
// those were taken away, it logs that nothing was compared.
func Await(ctx context.Context, client openapi.Client, scheme *runtime.Scheme, of schema.GroupVersion) error {
	return await(ctx, client, scheme, of, patience)
}

func await(
	ctx context.Context, client openapi.Client, scheme *runtime.Scheme, of schema.GroupVersion, patience time.Duration,
) error {
	log := logr.FromContextOrDiscard(ctx)
	kinds := scheme.KnownTypes(of)
	var missing []string
	var failure error
	err := wait.PollUntilContextTimeout(ctx, interval, patience, true, func(context.Context) (bool, error) {
		var served *spec3.OpenAPI
		served, failure = openapi3.NewRoot(client).GVSpec(of)
		if apierrors.IsForbidden(failure) || apierrors.IsUnauthorized(failure) {
			return false, failure
		}
		missing = Missing(kinds, of, served)
		return failure == nil && len(missing) == 0, nil
	})
	var notServed *openapi3.GroupVersionNotFoundError
	switch {
	case err == nil:
		return nil
	case ctx.Err() != nil:
		return ctx.Err()
	case failure == nil || errors.As(failure, &notServed):
		return fmt.Errorf("%w; missing: %s", ErrOutdated, enumerate(missing))
	default:
		log.Info("The CRDs were not compared with this version: the API server does not show its OpenAPI document",
			"cause", failure.Error())
		return nil
	}
}

// Missing lists the kinds, and the fields of kinds, that the served document lacks, in order: "LocalUser" or
// "LocalUser.status.key". A nil document has nothing.
func Missing(kinds map[string]reflect.Type, of schema.GroupVersion, served *spec3.OpenAPI) []string {
	schemas := byKind(of, served)
	var missing []string
	for _, kind := range slices.Sorted(maps.Keys(kinds)) {
		if !hasStatusOrSpec(kinds[kind]) {
			continue // a list, or one of the options that every group has
		}
		if s := schemas[kind]; s == nil {
			missing = append(missing, kind)
		} else {
			missing = append(missing, missingFields(kind, kinds[kind], s)...)
		}
	}
	return missing
}

func byKind(of schema.GroupVersion, served *spec3.OpenAPI) map[string]*spec.Schema {
	schemas := map[string]*spec.Schema{}
	if served == nil || served.Components == nil {
		return schemas
	}
	for _, s := range served.Components.Schemas {
		var kinds []schema.GroupVersionKind
		if err := s.Extensions.GetObject("x-kubernetes-group-version-kind", &kinds); err != nil {
			continue
		}
		for _, k := range kinds {
			if k.GroupVersion() == of {
				schemas[k.Kind] = s
			}
		}
	}
	return schemas
}

func hasStatusOrSpec(t reflect.Type) bool {
	_, has := t.FieldByName("Spec")
	if !has {
		_, has = t.FieldByName("Status")
	}
	return has
}

// missingFields compares a type with a schema, at any depth.
func missingFields(path string, t reflect.Type, s *spec.Schema) []string {
	t, s = elementType(t), elementSchema(s)
	// A struct may be a string, such as a time; and the API server itself takes care of the metadata.
	if t.Kind() != reflect.Struct || !s.Type.Contains("object") || t == reflect.TypeFor[metav1.ObjectMeta]() {
		return nil
	}
	var missing []string
	for i := range t.NumField() {
		field := t.Field(i)
		name, _, _ := strings.Cut(field.Tag.Get("json"), ",")
		property, has := s.Properties[name]
		switch {
		case name == "-":
		case name == "" && field.Anonymous: // inlined
			missing = append(missing, missingFields(path, field.Type, s)...)
		case has:
			missing = append(missing, missingFields(path+"."+name, field.Type, &property)...)
		default:
			missing = append(missing, path+"."+name)
		}
	}
	return missing
}

// elementType is what a pointer, list or map leads to.
func elementType(t reflect.Type) reflect.Type {
	for t.Kind() == reflect.Pointer || t.Kind() == reflect.Slice || t.Kind() == reflect.Map {
		t = t.Elem()
	}
	return t
}

// elementSchema is what a list or map contains.
func elementSchema(s *spec.Schema) *spec.Schema {
	switch {
	case s.Items != nil && s.Items.Schema != nil:
		return s.Items.Schema
	case s.AdditionalProperties != nil && s.AdditionalProperties.Schema != nil:
		return s.AdditionalProperties.Schema
	default:
		return s
	}
}

func enumerate(missing []string) string {
	text := strings.Join(missing[:min(len(missing), shown)], ", ")
	if more := len(missing) - shown; more > 0 {
		text += fmt.Sprintf(" and %d more", more)
	}
	return text
}
