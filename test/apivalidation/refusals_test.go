// SPDX-License-Identifier: Apache-2.0

package apivalidation

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"

	jsonpatch "github.com/evanphx/json-patch/v5"
	"github.com/google/go-cmp/cmp"
	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/yaml"
)

// refusal proves one rule: an object that is accepted, and a change that makes exactly this rule refuse it.
type refusal struct {
	valid  client.Object
	given  string // merge patch in YAML that keeps it valid
	change string // merge patch in YAML that makes it invalid
	later  bool   // the change is made to an existing object: the rule compares old and new
	status string // merge patch in YAML of the existing object's status
	field  string // the field that the refusal names
	want   string // message of the rule
}

// refusals are all tables combined; their keys are unique, because each begins with its kind.
func refusals() map[string]refusal {
	all := map[string]refusal{}
	for _, table := range []map[string]refusal{
		connectionRefusals, policyRefusals, userRefusals, sessionRefusals, immutableSessionFields(), exportRefusals,
	} {
		maps.Copy(all, table)
	}
	return all
}

var _ = Describe("rules", func() {
	table := refusals()
	for _, sentence := range slices.Sorted(maps.Keys(table)) {
		It("say: "+sentence, func(ctx context.Context) { table[sentence].prove(ctx) })
	}

	It("are all in the tables", func() {
		var proved []string
		for _, entry := range table {
			proved = append(proved, ruleName(kindOf(entry.valid), schemaPath(entry.field), entry.want))
		}
		slices.Sort(proved)
		Expect(cmp.Diff(declaredRules(), slices.Compact(proved))).To(BeEmpty(),
			"- is a rule without an entry in the tables, + an entry without a rule")
	})

	It("name a field in their messages", func() {
		for _, n := range allNodes() {
			for _, rule := range n.schema.XValidations {
				Expect(namesField(n, rule.Message)).To(BeTrue(), ruleName(n.kind, n.path, rule.Message))
			}
		}
	})
})

// prove tries the object with and without the change. Exactly one error proves that this rule caused it.
func (r refusal) prove(ctx context.Context) {
	GinkgoHelper()
	valid := merged(asUnstructured(r.valid), r.given)
	if !r.later {
		Expect(cluster.Create(ctx, valid.DeepCopy(), client.DryRunAll)).To(Succeed(), "without the change")
		r.check(cluster.Create(ctx, merged(valid, r.change), client.DryRunAll))
		return
	}
	valid.SetName("")
	valid.SetGenerateName("refused-")
	Expect(cluster.Create(ctx, valid)).To(Succeed())
	DeferCleanup(cluster.Delete, valid)
	if r.status != "" {
		Expect(cluster.Status().Patch(ctx, valid, client.RawPatch(types.MergePatchType, toJSON(r.status)))).To(Succeed())
	}
	r.check(cluster.Patch(ctx, valid, client.RawPatch(types.MergePatchType, toJSON(r.change)), client.DryRunAll))
}

func (r refusal) check(err error) {
	GinkgoHelper()
	complaints, err := causes(err)
	Expect(err).NotTo(HaveOccurred())
	Expect(complaints).To(HaveLen(1))
	Expect(complaints[0].Field).To(Equal(r.field))
	Expect(complaints[0].Message).To(HaveSuffix(": " + r.want))
}

// causes are the individual errors in a refusal of an object's content.
func causes(err error) ([]metav1.StatusCause, error) {
	var status apierrors.APIStatus
	if !errors.As(err, &status) || !apierrors.IsInvalid(err) {
		return nil, fmt.Errorf("want a refusal as invalid, got: %w", err)
	}
	return status.Status().Details.Causes, nil
}

// declaredRules names every rule of every definition.
func declaredRules() []string {
	var all []string
	for _, n := range allNodes() {
		for _, rule := range n.schema.XValidations {
			all = append(all, ruleName(n.kind, n.path, rule.Message))
		}
	}
	slices.Sort(all)
	return all
}

func ruleName(kind, path, message string) string {
	return fmt.Sprintf("%s %s: %s", kind, path, message)
}

var listIndex = regexp.MustCompile(`\[\d+\]`)

// schemaPath turns the field that a refusal names into a path in the schema. The object itself is called <nil>.
func schemaPath(field string) string {
	if field == "<nil>" {
		return ""
	}
	return listIndex.ReplaceAllString(field, "[*]")
}

// namesField reports whether a message names the field that the rule is about: itself, or one below it.
func namesField(n node, message string) bool {
	own := strings.TrimSuffix(n.path[strings.LastIndex(n.path, ".")+1:], "[*]")
	if own != "" && strings.Contains(message, own) {
		return true
	}
	for name := range n.schema.Properties {
		if strings.Contains(message, name) {
			return true
		}
	}
	return false
}

func kindOf(object client.Object) string {
	return object.GetObjectKind().GroupVersionKind().Kind
}

func asUnstructured(object client.Object) *unstructured.Unstructured {
	GinkgoHelper()
	content, err := json.Marshal(object)
	Expect(err).NotTo(HaveOccurred())
	return fromJSON(content)
}

func merged(object *unstructured.Unstructured, patch string) *unstructured.Unstructured {
	GinkgoHelper()
	content, err := json.Marshal(object)
	Expect(err).NotTo(HaveOccurred())
	content, err = jsonpatch.MergePatch(content, toJSON(patch))
	Expect(err).NotTo(HaveOccurred())
	return fromJSON(content)
}

// toJSON turns a merge patch in YAML into one in JSON; an empty one changes nothing.
func toJSON(patch string) []byte {
	GinkgoHelper()
	if patch == "" {
		return []byte("{}")
	}
	content, err := yaml.YAMLToJSONStrict([]byte(patch))
	Expect(err).NotTo(HaveOccurred())
	return content
}

func fromJSON(content []byte) *unstructured.Unstructured {
	GinkgoHelper()
	object := &unstructured.Unstructured{}
	Expect(object.UnmarshalJSON(content)).To(Succeed())
	return object
}
