// SPDX-License-Identifier: Apache-2.0

package admission

import (
	"context"
	"fmt"
	"path/filepath"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/pam-operator/pam-operator/internal/installation"
)

var _ = Describe("An operator of some namespaces", func() {
	render := func(ctx context.Context, folders ...string) installation.Installation {
		GinkgoHelper()
		for i := range folders {
			folders[i] = filepath.Join("..", "..", "config", folders[i])
		}
		out, err := installation.Render(ctx, plane.Kubectl(), folders...)
		Expect(err).NotTo(HaveOccurred())
		return out
	}

	It("has no right in the whole cluster", func(ctx context.Context) {
		for _, object := range render(ctx, "namespaced").Objects {
			Expect(object.GetKind()).To(BeElementOf("Namespace", "ServiceAccount", "Role", "RoleBinding"))
		}
	})

	It("is known to the policies, by a rule that gives access to nothing", func(ctx context.Context) {
		of := render(ctx, "namespaced/cluster", "namespaced")
		name, _ := of.User()
		bindings, bound := 0, ""
		for _, object := range of.Objects {
			switch object.GetKind() {
			case "ClusterRoleBinding":
				bindings++
				Expect(object.GetName()).To(Equal("pam-operator-manager-identity"))
			case "ClusterRole":
				if object.GetName() == "pam-operator-manager-identity" {
					Expect(fmt.Sprint(object.Object["rules"])).
						To(Equal("[map[apiGroups:[pam-operator.io] resources:[managers] verbs:[manage]]]"))
				}
			case "ValidatingAdmissionPolicy":
				bound += fmt.Sprint(object.Object["spec"])
			}
		}
		Expect(bindings).To(Equal(1))
		Expect(bound).To(ContainSubstring("'" + name + ":' =="))
	})

	It("can record in its own namespace what is left behind by one that is going", func(ctx context.Context) {
		of := render(ctx, "namespaced")
		rules := ""
		for _, object := range of.Objects {
			if object.GetKind() == "Role" && object.GetNamespace() == of.Namespace {
				rules += fmt.Sprint(object.Object["rules"])
			}
		}
		Expect(rules).To(ContainSubstring("resources:[configmaps] verbs:[create list watch]"))
	})

	It("has the generated rules in each namespace that it looks at", func(ctx context.Context) {
		generated := map[string]string{}
		for _, object := range render(ctx, "default").Objects {
			if object.GetKind() == "ClusterRole" && object.GetName() == "pam-operator-manager-role" {
				generated["pam-system"] = fmt.Sprint(object.Object["rules"])
				generated["payments"] = generated["pam-system"]
			}
		}
		found := map[string]string{}
		for _, object := range render(ctx, "namespaced").Objects {
			if object.GetKind() == "Role" && object.GetName() == "pam-operator-manager-role" {
				found[object.GetNamespace()] = fmt.Sprint(object.Object["rules"])
			}
		}
		Expect(found).To(Equal(generated))
	})
})
