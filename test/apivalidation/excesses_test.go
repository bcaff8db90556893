// SPDX-License-Identifier: Apache-2.0

package apivalidation

import (
	"fmt"
	"slices"
	"strings"

	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

// limit is one constraint of a schema, and the ways to violate it.
type limit struct {
	name     string
	excesses []excess
}

// excess replaces a value that a limit allows with one that it forbids.
type excess struct {
	name    string
	value   func(allowed any) any // nil removes the member
	field   string                // of the error, below the place
	message string                // part of the error
}

func (e excess) in(object *unstructured.Unstructured, where place) *unstructured.Unstructured {
	if e.value == nil {
		where.remove(object.Object)
	} else {
		where.set(object.Object, e.value(where.get(object.Object)))
	}
	return object
}

// limitsOf lists the limits of one place. Other keywords are not used in this API: those rules are in CEL, which has
// messages.
func limitsOf(n node) []limit {
	s := n.schema
	all := slices.Concat(lengthLimits(s), textLimits(s), numberLimits(s), itemLimits(s), propertyLimits(s))
	if n.required {
		all = append(all, limit{"required", []excess{{name: "left out", message: "Required value"}}})
	}
	if len(s.Enum) > 0 {
		all = append(all, limit{"one of " + enumText(s), []excess{
			{name: "another value", value: always("Other"), message: `Unsupported value: "Other"`},
		}})
	}
	if s.Format == "date-time" {
		all = append(all, limit{"date-time", []excess{
			{name: "a word", value: always("yesterday"), message: "must be of type date-time"},
		}})
	}
	return all
}

// The patterns of this API: what YAML cannot have as it is, and "kubectl get -o yaml" would fail on. In lines, tabs and
// line breaks are allowed.
const (
	noControls      = `^[ -~\xa0-\x{fffd}\x{10000}-\x{10ffff}]*$`
	noOtherControls = `^[\t\n\r -~\xa0-\x{fffd}\x{10000}-\x{10ffff}]*$`
)

func textLimits(s apiextensionsv1.JSONSchemaProps) []limit {
	name := map[string]string{noControls: "no control characters", noOtherControls: "only the control characters of lines"}
	if name[s.Pattern] == "" {
		return nil
	}
	out := limit{name: name[s.Pattern]}
	for _, character := range []string{"\x1b", "\x7f", "\u009b", "\ufffe"} {
		out.excesses = append(out.excesses, excess{
			name: fmt.Sprintf("%+q", character), message: "should match",
			value: func(allowed any) any { return fmt.Sprint(allowed) + character },
		})
	}
	return []limit{out}
}

func lengthLimits(s apiextensionsv1.JSONSchemaProps) []limit {
	if s.MinLength == nil && s.MaxLength == nil {
		return nil
	}
	result := limit{name: "length " + rangeText(s.MinLength, s.MaxLength)}
	if s.MinLength != nil && *s.MinLength > 0 {
		result.excesses = append(result.excesses, excess{
			name:    "shorter",
			value:   always(strings.Repeat("a", int(*s.MinLength-1))),
			message: fmt.Sprintf("should be at least %d chars long", *s.MinLength),
		})
	}
	if s.MaxLength != nil {
		result.excesses = append(result.excesses, excess{
			name:    "longer",
			value:   always(strings.Repeat("a", int(*s.MaxLength+1))),
			message: fmt.Sprintf("may not be more than %d bytes", *s.MaxLength),
		})
	}
	return []limit{result}
}

func numberLimits(s apiextensionsv1.JSONSchemaProps) []limit {
	if s.Minimum == nil && s.Maximum == nil {
		return nil
	}
	result := limit{name: "number " + rangeText(s.Minimum, s.Maximum)}
	if s.Minimum != nil {
		result.excesses = append(result.excesses, excess{
			name: "smaller", value: always(int64(*s.Minimum) - 1),
			message: fmt.Sprintf("should be greater than or equal to %v", *s.Minimum),
		})
	}
	if s.Maximum != nil {
		result.excesses = append(result.excesses, excess{
			name: "larger", value: always(int64(*s.Maximum) + 1),
			message: "should be less than or equal to ",
		})
	}
	return []limit{result}
}

func itemLimits(s apiextensionsv1.JSONSchemaProps) []limit {
	var all []limit
	if s.MinItems != nil || s.MaxItems != nil {
		result := limit{name: "items " + rangeText(s.MinItems, s.MaxItems)}
		if s.MinItems != nil {
			result.excesses = append(result.excesses, excess{
				name: "fewer", value: always([]any{}),
				message: fmt.Sprintf("should have at least %d items", *s.MinItems),
			})
		}
		if s.MaxItems != nil {
			result.excesses = append(result.excesses, excess{
				name: "more", value: repeated(int(*s.MaxItems + 1)),
				message: fmt.Sprintf("must have at most %d items", *s.MaxItems),
			})
		}
		all = append(all, result)
	}
	if s.XListType != nil && *s.XListType != "atomic" {
		name := strings.Join(append([]string{*s.XListType}, s.XListMapKeys...), " ")
		all = append(all, limit{name, []excess{
			{name: "the same twice", value: repeated(2), field: "[1]", message: "Duplicate value"},
		}})
	}
	return all
}

func propertyLimits(s apiextensionsv1.JSONSchemaProps) []limit {
	if s.MinProperties == nil {
		return nil
	}
	return []limit{{fmt.Sprintf("members %d or more", *s.MinProperties), []excess{{
		name: "none", value: always(map[string]any{}),
		message: fmt.Sprintf("should have at least %d properties", *s.MinProperties),
	}}}}
}

func always(value any) func(any) any { return func(any) any { return value } }

// repeated repeats the first item of a list.
func repeated(times int) func(any) any {
	return func(allowed any) any {
		list, _ := allowed.([]any)
		return slices.Repeat(list[:1], times)
	}
}

func enumText(s apiextensionsv1.JSONSchemaProps) string {
	values := make([]string, 0, len(s.Enum))
	for _, value := range s.Enum {
		values = append(values, strings.Trim(string(value.Raw), `"`))
	}
	return strings.Join(values, " ")
}

// rangeText formats a range whose ends may be open.
func rangeText[T int64 | float64](smallest, largest *T) string {
	text := ""
	if smallest != nil {
		text = fmt.Sprint(int64(*smallest))
	}
	text += ".."
	if largest != nil {
		text += fmt.Sprint(int64(*largest))
	}
	return text
}
