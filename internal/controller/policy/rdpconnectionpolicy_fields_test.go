// SPDX-License-Identifier: Apache-2.0

package policy

import (
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"

	"sigs.k8s.io/yaml"

	pamv1alpha1 "github.com/pam-operator/pam-operator/api/v1alpha1"
	"github.com/pam-operator/pam-operator/test/builder"
)

// elsewhere are the fields of the spec that other tests exercise: those that are not about the appliance's object, and
// names of certificates, which no known appliance shows (docs/vendors/sps.md 6).
var elsewhere = []string{
	"connectionRef", "connectionRef.name", "connectionRef.namespace", "policyName",
	"managementPolicy", "adoptionPolicy", "deletionPolicy", "suspend",
	"transportSecurity.tls.certificate.fixed.x509Identity.name",
	"remoteDesktopGateway.hostCertification.single.x509Identity.name",
}

func TestEveryFieldOfTheSpecIsExercised(t *testing.T) {
	used := map[string]bool{}
	for name, field := range builder.RDPFields {
		var fragment any
		if err := yaml.Unmarshal([]byte(strings.ReplaceAll(field.Spec, "\t", " ")), &fragment); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		collectPaths("", fragment, used)
	}
	for _, path := range specFields(reflect.TypeFor[pamv1alpha1.RDPConnectionPolicySpec](), "") {
		if !used[path] && !slices.Contains(elsewhere, path) {
			t.Errorf("no entry of RDPFields sets spec.%s", path)
		}
	}
}

func TestEveryValueOfAnEnumIsExercised(t *testing.T) {
	var all strings.Builder
	for _, field := range builder.RDPFields {
		all.WriteString(field.Spec)
	}
	for _, values := range [][]string{
		mapKeys(permissions), mapKeys(priorities),
		{"Original", "Fixed", "NAT", "Inband", "BoxAddress", "TLS", "Legacy", "SelfSigned", "Generated", "Single",
			"Signing", "ActiveDirectory", "LocalUserDatabase", "Everybody", "Only", "Address", "Domain", "None"},
	} {
		for _, value := range values {
			if !strings.Contains(all.String(), ": "+value) {
				t.Errorf("no entry of RDPFields has the value %s", value)
			}
		}
	}
}

func mapKeys[K ~string, V any](m map[K]V) []string {
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, string(k))
	}
	return keys
}

// collectPaths notes every field that a decoded fragment has; elements of lists count as their list.
func collectPaths(prefix string, value any, into map[string]bool) {
	switch value := value.(type) {
	case map[string]any:
		for name, v := range value {
			into[prefix+name] = true
			collectPaths(prefix+name+".", v, into)
		}
	case []any:
		for _, v := range value {
			collectPaths(prefix, v, into)
		}
	}
}

// specFields lists the fields of a type by their names in JSON, inlined ones in their place.
func specFields(t reflect.Type, prefix string) []string {
	for t.Kind() == reflect.Pointer || t.Kind() == reflect.Slice {
		t = t.Elem()
	}
	if t.Kind() != reflect.Struct {
		return nil
	}
	var out []string
	for i := range t.NumField() {
		field := t.Field(i)
		name, _, _ := strings.Cut(field.Tag.Get("json"), ",")
		if name == "" {
			out = append(out, specFields(field.Type, prefix)...)
			continue
		}
		out = append(out, prefix+name)
		out = append(out, specFields(field.Type, fmt.Sprintf("%s%s.", prefix, name))...)
	}
	return out
}
