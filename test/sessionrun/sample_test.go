// SPDX-License-Identifier: Apache-2.0

package sessionrun

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"

	. "github.com/onsi/gomega"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/pam-operator/pam-operator/internal/installation"
	"github.com/pam-operator/pam-operator/test/builder"
)

const sampleName = "nightly-report"

// isSampled has three pods of the CronJob of config/samples ask for their sessions, with its rights and its arguments.
// Each begins before the session of the one before it has ended, and the Secret has the same name for all.
func (b *bed) isSampled() {
	arguments := b.sample()
	g := NewWithT(b.T)
	var before client.Object
	for i := range 3 {
		name := fmt.Sprintf("%s-%d", sampleName, i)
		pod := b.pod(name)
		dir := filepath.Join(b.TempDir(), name)
		p := b.start([]string{"POD_NAME=" + name, "POD_NAMESPACE=" + namespace, "POD_UID=" + string(pod.UID)}, append(
			arguments, "--write-only="+dir, "--as=system:serviceaccount:"+namespace+":"+sampleName)...)
		if before != nil {
			p.says("which goes when the session before it has ended")
			if err := b.cluster.Delete(b.Context(), before, client.GracePeriodSeconds(0)); err != nil {
				b.Fatal(err)
			}
		}
		g.Expect(p.wait()).To(BeZero())
		g.Expect(filepath.Join(dir, "ssh_config")).To(BeARegularFile())
		before = pod
	}
	if err := b.cluster.Delete(b.Context(), before, client.GracePeriodSeconds(0)); err != nil {
		b.Fatal(err)
	}
}

// sample applies the sample without the CronJob itself, and returns the arguments of its first container.
func (b *bed) sample() (arguments []string) {
	b.Helper()
	text, err := os.ReadFile(filepath.Join("..", "..", "config", "samples", "10_cronjob.yaml"))
	if err != nil {
		b.Fatal(err)
	}
	// Here, the connection is in the same namespace.
	objects, err := installation.Decode([]byte(strings.NewReplacer("namespace: payments", "namespace: "+namespace,
		"namespace: pam-system", "namespace: "+namespace, "--connection-namespace=pam-system",
		"--connection-namespace="+namespace, "nps-prod", builder.DefaultNPSConnection).Replace(string(text))))
	if err != nil {
		b.Fatal(err)
	}
	for _, o := range objects {
		if o.GetKind() != "CronJob" {
			b.cluster.Apply(b.T, o)
			continue
		}
		containers, _, err := unstructured.NestedSlice(o.Object, "spec", "jobTemplate", "spec", "template", "spec",
			"initContainers")
		if err != nil || len(containers) != 1 {
			b.Fatal(len(containers), err)
		}
		container, _ := containers[0].(map[string]any)
		arguments, _, err = unstructured.NestedStringSlice(container, "args")
		if err != nil {
			b.Fatal(err)
		}
	}
	if len(arguments) < 3 || arguments[0] != "session" || arguments[1] != "run" {
		b.Fatal(arguments)
	}
	return arguments[2:]
}
