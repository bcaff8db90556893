// SPDX-License-Identifier: Apache-2.0

package demo

import (
	"crypto/rand"
	"errors"
	"fmt"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/pam-operator/pam-operator/internal/controlplane"
)

// driftCheckInterval is short enough for a person who watches.
const driftCheckInterval = "10s"

// fitting is the state of one fit: which Secrets have their content.
type fitting struct {
	samples
	to      appliances
	account account
	filled  map[identity]bool
	changes []string
}

// fit changes the samples so that they work with the simulated appliances: URLs, CA, and every credential. It follows
// the references of the objects, so a Secret that no object refers to is an error: its content is unknown. It returns
// what it did, in words without secrets.
func (s samples) fit(to appliances, a account) ([]string, error) {
	f := &fitting{samples: s, to: to, account: a, filled: map[identity]bool{}}
	for _, o := range s {
		var err error
		switch o.GetKind() {
		case "SPSConnection":
			err = f.spsConnection(o)
		case "NPSConnection":
			err = f.npsConnection(o)
		case "LocalUser":
			err = f.localUser(o)
		case "ActivitySession":
			err = set(o, controlplane.Admin, "spec", "requestedBy") // who applies the samples
		}
		if err != nil {
			return nil, fmt.Errorf("sample %s %s: %w", o.GetKind(), o.GetName(), err)
		}
	}
	for _, o := range s {
		if id := identify(o); id.kind == "Secret" && !f.filled[id] {
			return nil, fmt.Errorf("sample Secret %s: no other sample refers to it", id.name)
		}
	}
	f.say("requestedBy %s, who applies the samples", controlplane.Admin)
	f.say("all %d Secrets: invented for this run, and not shown", len(f.filled))
	return f.changes, nil
}

func (f *fitting) say(format string, values ...any) {
	f.changes = append(f.changes, fmt.Sprintf(format, values...))
}

func (f *fitting) spsConnection(o *unstructured.Unstructured) error {
	if err := f.connect(o, f.to.SPS); err != nil {
		return err
	}
	f.say("SPSConnection %s: driftCheckInterval %s, so that you do not have to wait", o.GetName(), driftCheckInterval)
	if err := set(o, driftCheckInterval, "spec", "driftCheckInterval"); err != nil {
		return err
	}
	credentials := map[string]string{"username": f.account.login, "password": f.account.password}
	return f.fill(o, credentials, "spec", "credentialsSecretRef")
}

func (f *fitting) npsConnection(o *unstructured.Unstructured) error {
	if err := f.connect(o, f.to.NPS); err != nil {
		return err
	}
	application := []string{"spec", "auth", "applicationUser"}
	credentials := map[string]string{"login": f.account.login, "apiKey": f.account.apiKey}
	if err := f.fill(o, credentials, append(application, "credentialsSecretRef")...); err != nil {
		return err
	}
	certificate := map[string]string{"tls.crt": f.account.clientCertificate, "tls.key": f.account.clientSecret}
	return f.fill(o, certificate, append(application, "certificateSecretRef")...)
}

func (f *fitting) localUser(o *unstructured.Unstructured) error {
	reference := []string{"spec", "passwordSecretRef"}
	key, _, err := unstructured.NestedString(o.Object, append(reference, "key")...)
	if err != nil {
		return err
	}
	return f.fill(o, map[string]string{key: rand.Text()}, reference...)
}

// connect sets the URL and the CA of a connection.
func (f *fitting) connect(o *unstructured.Unstructured, url string) error {
	f.say("%s %s: url %s, and its CA", o.GetKind(), o.GetName(), url)
	if err := set(o, url, "spec", "url"); err != nil {
		return err
	}
	reference, found, err := unstructured.NestedStringMap(o.Object, "spec", "tls", "caBundleRef")
	if err != nil {
		return err
	}
	if !found || reference["kind"] != "ConfigMap" {
		return errors.New("spec.tls.caBundleRef names no ConfigMap")
	}
	bundle := f.find(identity{"ConfigMap", o.GetNamespace(), reference["name"]})
	if bundle == nil {
		return fmt.Errorf("there is no sample ConfigMap %s", reference["name"])
	}
	return set(bundle, f.account.ca, "data", reference["key"])
}

// fill gives the Secret that an object refers to its content.
func (f *fitting) fill(from *unstructured.Unstructured, content map[string]string, reference ...string) error {
	name, _, err := unstructured.NestedString(from.Object, append(reference, "name")...)
	if err != nil {
		return err
	}
	id := identity{"Secret", from.GetNamespace(), name}
	secret := f.find(id)
	if secret == nil {
		return fmt.Errorf("there is no sample Secret %q", name)
	}
	f.filled[id] = true
	unstructured.RemoveNestedField(secret.Object, "data")
	return unstructured.SetNestedStringMap(secret.Object, content, "stringData")
}

func set(o *unstructured.Unstructured, value string, field ...string) error {
	return unstructured.SetNestedField(o.Object, value, field...)
}
