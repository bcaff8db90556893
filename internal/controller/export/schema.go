// SPDX-License-Identifier: Apache-2.0

package export

import (
	"context"
	"fmt"

	"k8s.io/apiextensions-apiserver/pkg/apis/apiextensions"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	structuralschema "k8s.io/apiextensions-apiserver/pkg/apiserver/schema"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/schema/cel"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/schema/listtype"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/validation"
	"k8s.io/apimachinery/pkg/util/validation/field"
	celconfig "k8s.io/apiserver/pkg/apis/cel"
	"sigs.k8s.io/yaml"

	pamv1alpha1 "github.com/pam-operator/pam-operator/api/v1alpha1"
	"github.com/pam-operator/pam-operator/config/crd"
	"github.com/pam-operator/pam-operator/internal/controller/policy"
	"github.com/pam-operator/pam-operator/internal/kinds"
)

// schemas check objects as the API server does, by the same definitions, so that what is exported can be applied.
type schemas map[string]schema

type schema struct {
	structural *structuralschema.Structural
	validator  validation.SchemaValidator
	rules      *cel.Validator
}

// newSchemas compiles the definitions of some kinds.
func newSchemas(of []kinds.Kind) (schemas, error) {
	out := schemas{}
	for _, kind := range of {
		s, err := newSchema(kind)
		if err != nil {
			return nil, fmt.Errorf("the definition of %s: %w", kind.Name, err)
		}
		out[kind.Name] = s
	}
	return out, nil
}

func newSchema(kind kinds.Kind) (schema, error) {
	text, err := crd.Bases.ReadFile("bases/" + pamv1alpha1.GroupVersion.Group + "_" + kind.Resource + ".yaml")
	if err != nil {
		return schema{}, err
	}
	var definition apiextensionsv1.CustomResourceDefinition
	if err := yaml.Unmarshal(text, &definition); err != nil {
		return schema{}, err
	}
	var props apiextensions.JSONSchemaProps
	if err := apiextensionsv1.Convert_v1_JSONSchemaProps_To_apiextensions_JSONSchemaProps(
		definition.Spec.Versions[0].Schema.OpenAPIV3Schema, &props, nil); err != nil {
		return schema{}, err
	}
	structural, err := structuralschema.NewStructural(&props)
	if err != nil {
		return schema{}, err
	}
	validator, _, err := validation.NewSchemaValidator(&props)
	if err != nil {
		return schema{}, err
	}
	return schema{structural, validator, cel.NewValidator(structural, true, celconfig.PerCallLimit)}, nil
}

// check returns what the API server would not accept of an object. It never returns a value of the object.
func (s schemas) check(ctx context.Context, obj kinds.PolicyObject) ([]policy.Fault, error) {
	content, kind, err := contentOf(obj)
	if err != nil {
		return nil, err
	}
	of := s[kind]
	faults := validation.ValidateCustomResource(nil, content, of.validator)
	faults = append(faults, listtype.ValidateListSetsAndMaps(nil, of.structural, content)...)
	if len(faults) == 0 { // as in the API server, rules see only what has the right form
		broken, _ := of.rules.Validate(ctx, nil, of.structural, content, nil, celconfig.RuntimeCELCostBudget)
		faults = append(faults, broken...)
	}
	out := make([]policy.Fault, 0, len(faults))
	for _, fault := range faults {
		out = append(out, policy.Fault{Path: fault.Field, Reason: reasonOf(fault)})
	}
	return out, nil
}

// reasonOf is what a fault says without the value that it is about.
func reasonOf(fault *field.Error) string {
	if fault.Detail == "" {
		return fault.Type.String()
	}
	return fault.Type.String() + ": " + fault.Detail
}
