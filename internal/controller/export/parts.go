// SPDX-License-Identifier: Apache-2.0

package export

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/yaml"

	pamv1alpha1 "github.com/pam-operator/pam-operator/api/v1alpha1"
	"github.com/pam-operator/pam-operator/internal/controller/loop"
	"github.com/pam-operator/pam-operator/internal/kinds"
)

const (
	// maxPart bounds the keys and values of a ConfigMap, in bytes; the API server allows 1 MiB.
	maxPart = 900 << 10
	// maxParts is how many ConfigMaps a status lists.
	maxParts = 128
	// maxKey is the longest key of a ConfigMap.
	maxKey = 253
)

// parts writes objects into ConfigMaps, one after the other, and holds no more than one of them in memory. The name of
// a ConfigMap follows from its content. So an attempt that was interrupted is continued by the next one, which finds
// what it would write, unless the appliance has changed; then what was written goes away with the export, and the
// status never lists it.
type parts struct {
	export *pamv1alpha1.ApplianceExport
	client client.Client
	live   client.Reader

	current map[string]string
	size    int
	written []pamv1alpha1.ExportPart
}

// add adds an object, unless what is written down would be read as another one.
func (p *parts) add(ctx context.Context, kind kinds.Kind, obj kinds.PolicyObject) (added bool, err error) {
	text, faithful, err := manifestOf(obj)
	if err != nil || !faithful {
		return false, err
	}
	key := fileName(kind, obj.GetName())
	size := len(key) + len(text)
	if p.size+size > maxPart {
		if err := p.flush(ctx); err != nil {
			return false, err
		}
	}
	if p.current == nil {
		p.current = map[string]string{}
	}
	p.current[key] = text
	p.size += size
	return true, nil
}

// manifestOf is an object as YAML, and whether it is read back as the same object: not every character is.
func manifestOf(obj kinds.PolicyObject) (text string, faithful bool, err error) {
	content, _, err := contentOf(obj)
	if err != nil {
		return "", false, err
	}
	plain, err := json.Marshal(content)
	if err != nil {
		return "", false, err
	}
	manifest, err := yaml.JSONToYAML(plain)
	if err != nil { // a character that YAML does not allow at all
		return "", false, nil //nolint:nilerr // it is listed as not exported
	}
	if isPrintableASCII(plain) { // which YAML keeps as it is, and reading is what takes the time
		return string(manifest), true, nil
	}
	var written, read any
	if err := json.Unmarshal(plain, &written); err != nil {
		return "", false, err
	}
	faithful = yaml.Unmarshal(manifest, &read) == nil && reflect.DeepEqual(written, read)
	return string(manifest), faithful, nil
}

// isPrintableASCII reports whether a JSON text has no other character, escaped or not.
func isPrintableASCII(text []byte) bool {
	return !bytes.Contains(text, []byte(`\u`)) &&
		!slices.ContainsFunc(text, func(b byte) bool { return b < ' ' || b > '~' })
}

// close writes the rest, and returns all parts.
func (p *parts) close(ctx context.Context) ([]pamv1alpha1.ExportPart, error) {
	err := p.flush(ctx)
	return p.written, err
}

func (p *parts) flush(ctx context.Context) error {
	if len(p.current) == 0 {
		return nil
	}
	if len(p.written) == maxParts {
		return loop.MustAct(pamv1alpha1.ReasonInvalidSpec, "the result is larger than %d ConfigMaps: create one export for "+
			"each of several kinds or names", maxParts)
	}
	sum := checksum(p.current)
	part := p.configMap(sum)
	if err := p.create(ctx, part); err != nil {
		return err
	}
	p.written = append(p.written, pamv1alpha1.ExportPart{
		Name: part.Name, Objects: new(int32(len(p.current))), SHA256: sum, //nolint:gosec // bounded by maxPart
	})
	p.current, p.size = nil, 0
	return nil
}

func (p *parts) configMap(sum string) *corev1.ConfigMap {
	return &corev1.ConfigMap{
		ObjectMeta: metav1.ObjectMeta{
			Namespace: p.export.Namespace, Name: fmt.Sprintf("%s-%d-%s", p.export.Name, len(p.written)+1, sum[:8]),
			Labels: map[string]string{
				pamv1alpha1.LabelExport: p.export.Name, "app.kubernetes.io/managed-by": "pam-operator",
			},
			OwnerReferences: []metav1.OwnerReference{{
				APIVersion: pamv1alpha1.GroupVersion.String(), Kind: kinds.ApplianceExport,
				Name: p.export.Name, UID: p.export.UID, Controller: new(true),
			}},
		},
		Immutable: new(true),
		Data:      p.current,
	}
}

// create creates a ConfigMap, unless an earlier attempt did.
func (p *parts) create(ctx context.Context, part *corev1.ConfigMap) error {
	err := p.client.Create(ctx, part)
	if !apierrors.IsAlreadyExists(err) {
		return err
	}
	there := &corev1.ConfigMap{}
	if err := p.live.Get(ctx, client.ObjectKeyFromObject(part), there); err != nil {
		return err
	}
	if !metav1.IsControlledBy(there, p.export) || there.Immutable == nil || !*there.Immutable ||
		len(there.BinaryData) > 0 || checksum(there.Data) != checksum(part.Data) {
		return loop.MustAct(pamv1alpha1.ReasonConflict, "the ConfigMap %s is not ours and has the name of a part: delete it",
			part.Name)
	}
	return nil
}

// checksum is that of the content of a ConfigMap; see ExportPart.SHA256.
func checksum(data map[string]string) string {
	sum := sha256.New()
	for _, key := range slices.Sorted(maps.Keys(data)) {
		_, _ = sum.Write([]byte(key + "\x00" + data[key] + "\x00")) // never fails
	}
	return hex.EncodeToString(sum.Sum(nil))
}

// fileName is the key of an object in a ConfigMap.
func fileName(kind kinds.Kind, name string) string {
	const extension = ".yaml"
	key := strings.ToLower(kind.Name) + "-" + name
	if len(key)+len(extension) > maxKey {
		key = key[:maxKey-len(extension)-9] + "-" + shortSum(key)
	}
	return key + extension
}

// contentOf is an object as it is written down: without a status and what the API server fills in.
func contentOf(obj kinds.PolicyObject) (content map[string]any, kind string, err error) {
	if content, err = runtime.DefaultUnstructuredConverter.ToUnstructured(obj); err != nil {
		return nil, "", err
	}
	delete(content, "status")
	return content, obj.GetObjectKind().GroupVersionKind().Kind, nil
}
