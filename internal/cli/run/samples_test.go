// SPDX-License-Identifier: Apache-2.0

package run

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"

	"github.com/spf13/cobra"
	batchv1 "k8s.io/api/batch/v1"
	"k8s.io/cli-runtime/pkg/genericiooptions"
	"sigs.k8s.io/yaml"

	pamv1alpha1 "github.com/pam-operator/pam-operator/api/v1alpha1"
	"github.com/pam-operator/pam-operator/internal/cli/frame"
	"github.com/pam-operator/pam-operator/internal/connection"
)

// samples are the shipped objects of a kind.
func samples[T any](t *testing.T, kind string) []T {
	t.Helper()
	var out []T
	for _, folder := range []string{"samples", "argocd/maintenance"} {
		files, err := filepath.Glob(filepath.Join("..", "..", "..", "config", folder, "*.yaml"))
		if err != nil || len(files) == 0 {
			t.Fatal(folder, err)
		}
		for _, file := range files {
			text, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			for _, document := range bytes.Split(text, []byte("\n---\n")) {
				var head struct{ Kind string }
				if err := yaml.Unmarshal(document, &head); err != nil {
					t.Fatal(file, err)
				}
				if head.Kind == kind {
					var o T
					if err := yaml.UnmarshalStrict(document, &o); err != nil {
						t.Fatal(file, err)
					}
					out = append(out, o)
				}
			}
		}
	}
	return out
}

// requestOf is what the arguments of session run ask for.
func requestOf(t *testing.T, args []string) connection.Request {
	t.Helper()
	o, cmd := &options{Frame: frame.New(genericiooptions.IOStreams{}, "")}, &cobra.Command{}
	o.request.AddFlags(o.Frame, cmd)
	o.addFlags(cmd)
	if err := cmd.ParseFlags(args); err != nil {
		t.Fatal(err)
	}
	return connection.Request{
		Activity: o.request.Activity, Resource: o.request.Resource, Duration: o.request.Duration,
		Password: o.request.Password,
	}
}

func TestTheShippedSessionsArePermittedByTheShippedConnection(t *testing.T) {
	t.Parallel()
	grants := samples[pamv1alpha1.NPSConnection](t, "NPSConnection")[0].Spec.Grants
	permitted := func(name, namespace string, request connection.Request) {
		t.Helper()
		from := connection.Namespace{Name: namespace}
		if _, why, err := connection.Allowing(grants, "pam-system", from, request); why != "" || err != nil {
			t.Errorf("%s: %s, %v", name, why, err)
		}
	}
	checked := 0
	for _, s := range samples[pamv1alpha1.ActivitySession](t, "ActivitySession") {
		checked++
		request := connection.Request{Activity: s.Spec.Activity.Name}
		if s.Spec.Resource != nil {
			request.Resource = s.Spec.Resource.Name
		}
		if s.Spec.Duration != nil {
			request.Duration = s.Spec.Duration.Duration
		}
		permitted(s.Name+s.GenerateName, s.Namespace, request)
	}
	for _, job := range samples[batchv1.CronJob](t, "CronJob") {
		for _, container := range job.Spec.JobTemplate.Spec.Template.Spec.InitContainers {
			checked++
			permitted(job.Name, job.Namespace, requestOf(t, container.Args[2:]))
		}
	}
	if checked < 5 {
		t.Errorf("%d sessions", checked)
	}
}
