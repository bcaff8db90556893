// SPDX-License-Identifier: Apache-2.0

// Package export has the operator write down what an appliance has, and reads the result.
package export

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"maps"
	"path/filepath"
	"slices"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	pamv1alpha1 "github.com/pam-operator/pam-operator/api/v1alpha1"
	"github.com/pam-operator/pam-operator/internal/cli/act"
	"github.com/pam-operator/pam-operator/internal/cli/cluster"
	"github.com/pam-operator/pam-operator/internal/cli/frame"
	"github.com/pam-operator/pam-operator/internal/cli/state"
	"github.com/pam-operator/pam-operator/internal/kinds"
)

// Result is what an appliance has.
type Result struct {
	// Export is the object that asked for it.
	Export *pamv1alpha1.ApplianceExport
	// Files are manifests by file name.
	Files map[string]string
}

// Run has the operator export, waits, reads the result, and deletes the object with the result. If it fails, the object
// stays, because it says why.
func Run(
	ctx context.Context, c *cluster.Client, spec pamv1alpha1.ApplianceExportSpec, tell func(state.State),
) (Result, error) {
	o := &pamv1alpha1.ApplianceExport{
		ObjectMeta: metav1.ObjectMeta{Namespace: c.Namespace, GenerateName: "export-"}, Spec: spec,
	}
	if err := c.Create(ctx, o, client.FieldOwner(frame.FieldOwner)); err != nil {
		return Result{}, err
	}
	outcomes, err := act.Settle(ctx, c, []cluster.Ref{cluster.RefOf(o)}, act.Wait{
		FailFast: true,
		Settled: func(_ kinds.Object, s state.State) bool {
			tell(s)
			return s.Observed && (s.Ready() || s.Stuck() || s.Suspended())
		},
	})
	if err != nil {
		return Result{}, fmt.Errorf("wait for %s, which goes on: %w", cluster.RefOf(o), err)
	}
	done, is := outcomes[0].Object.(*pamv1alpha1.ApplianceExport)
	if !is {
		return Result{}, fmt.Errorf("%s was deleted meanwhile", cluster.RefOf(o))
	}
	if s := outcomes[0].State; !s.Ready() {
		return Result{}, frame.Nof("%s: %s: %s", cluster.RefOf(o), s.Word, s.Message)
	}
	result := Result{Export: done, Files: map[string]string{}}
	for _, part := range done.Status.Parts {
		if err := result.add(ctx, c, part); err != nil {
			return Result{}, err
		}
	}
	return result, client.IgnoreNotFound(c.Delete(ctx, o))
}

// add reads one part, and compares its checksum.
func (r *Result) add(ctx context.Context, c *cluster.Client, part pamv1alpha1.ExportPart) error {
	content := &corev1.ConfigMap{}
	if err := c.Get(ctx, client.ObjectKey{Namespace: r.Export.Namespace, Name: part.Name}, content); err != nil {
		return err
	}
	if sum(content.Data) != part.SHA256 {
		return fmt.Errorf("the ConfigMap %s is not what the operator wrote: its checksum differs", part.Name)
	}
	for name, text := range content.Data {
		if filepath.Base(name) != name || !filepath.IsLocal(name) {
			return fmt.Errorf("the ConfigMap %s has a key %q, which is no name of a file", part.Name, name)
		}
		r.Files[name] = text
	}
	return nil
}

// sum is the checksum of every key and value, each followed by a zero byte, sorted by key.
func sum(data map[string]string) string {
	h := sha256.New()
	for _, key := range slices.Sorted(maps.Keys(data)) {
		h.Write([]byte(key + "\x00" + data[key] + "\x00"))
	}
	return hex.EncodeToString(h.Sum(nil))
}

// Names are those of the files, in the order in which their objects can be created.
func (r *Result) Names() []string { return slices.Sorted(maps.Keys(r.Files)) }
