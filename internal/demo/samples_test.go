// SPDX-License-Identifier: Apache-2.0

package demo

import (
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/serializer"
	"sigs.k8s.io/yaml"

	"github.com/pam-operator/pam-operator/internal/installation"
	"github.com/pam-operator/pam-operator/internal/kinds"
)

const samplesDir = "../../config/samples"

var (
	simulated = appliances{SPS: "https://127.0.0.1:1", NPS: "https://127.0.0.1:2"}
	invented  = account{
		login: "robot", password: "password of the run", apiKey: "key of the run",
		ca: "PEM of the CA", clientCertificate: "PEM of the client", clientSecret: "PEM of its key",
	}
)

func loadedSamples(t *testing.T) samples {
	t.Helper()
	all, err := readSamples(samplesDir)
	if err != nil {
		t.Fatal(err)
	}
	return all
}

func TestSamplesHaveOnlyFieldsOfTheirKinds(t *testing.T) {
	decodeStrictly(t, loadedSamples(t))
}

func TestExamplesOfTheReadmeHaveOnlyFieldsOfTheirKinds(t *testing.T) {
	content, err := os.ReadFile("../../README.md")
	if err != nil {
		t.Fatal(err)
	}
	blocks := regexp.MustCompile("(?s)\n```yaml\n(.*?)\n```\n").FindAllSubmatch(content, -1)
	if len(blocks) == 0 {
		t.Fatal("the README has no example")
	}
	for _, block := range blocks {
		objects, err := installation.Decode(block[1])
		if err != nil {
			t.Fatal(err)
		}
		decodeStrictly(t, objects)
	}
}

func decodeStrictly(t *testing.T, objects []*unstructured.Unstructured) {
	t.Helper()
	strict := serializer.NewCodecFactory(scheme, serializer.EnableStrict).UniversalDeserializer()
	for _, o := range objects {
		document, err := json.Marshal(o)
		if err != nil {
			t.Fatal(err)
		}
		if _, _, err := strict.Decode(document, nil, nil); err != nil {
			t.Errorf("%v: %v", identify(o), err)
		}
	}
}

func TestReadSamplesReadsWhatTheKustomizationNames(t *testing.T) {
	content, err := os.ReadFile(filepath.Join(samplesDir, "kustomization.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	var kustomization struct{ Resources []string }
	if err := yaml.Unmarshal(content, &kustomization); err != nil {
		t.Fatal(err)
	}
	var want samples
	for _, file := range kustomization.Resources {
		content, err := os.ReadFile(filepath.Join(samplesDir, file))
		if err != nil {
			t.Fatal(err)
		}
		objects, err := installation.Decode(content)
		if err != nil {
			t.Fatal(err)
		}
		want = append(want, objects...)
	}
	if diff := cmp.Diff(want, loadedSamples(t)); diff != "" {
		t.Errorf("-named by the kustomization +read:\n%s", diff)
	}
}

func TestEveryKindHasASample(t *testing.T) {
	with := map[string]bool{}
	for _, id := range loadedSamples(t).ours() {
		with[id.kind] = true
	}
	for _, kind := range kinds.All() {
		if !with[kind.Name] {
			t.Errorf("%s has no sample", kind.Name)
		}
	}
}

func TestFitLeavesNothingThatNeedsARealAppliance(t *testing.T) {
	before, all := loadedSamples(t), loadedSamples(t)
	if _, err := all.fit(simulated, invented); err != nil {
		t.Fatal(err)
	}
	urls := map[string]string{}
	for i, o := range all {
		switch o.GetKind() {
		case "SPSConnection", "NPSConnection":
			urls[o.GetKind()], _, _ = unstructured.NestedString(o.Object, "spec", "url")
		case "Secret":
			for key, value := range text(t, o, "stringData") {
				if value == text(t, before[i], "stringData")[key] {
					t.Errorf("Secret %s: %s is as it was", o.GetName(), key)
				}
			}
		case "ConfigMap":
			if diff := cmp.Diff(map[string]string{"ca.crt": invented.ca}, text(t, o, "data")); diff != "" {
				t.Errorf("ConfigMap %s: -want +got\n%s", o.GetName(), diff)
			}
		}
	}
	want := map[string]string{"SPSConnection": simulated.SPS, "NPSConnection": simulated.NPS}
	if diff := cmp.Diff(want, urls); diff != "" {
		t.Errorf("URLs: -want +got\n%s", diff)
	}
	encoded, err := json.Marshal(all)
	if err != nil {
		t.Fatal(err)
	}
	for _, url := range regexp.MustCompile(`https?://[^"]*`).FindAllString(string(encoded), -1) {
		if url != simulated.SPS && url != simulated.NPS {
			t.Errorf("%s is left", url)
		}
	}
}

func TestFitKeepsTheKeysOfSecrets(t *testing.T) {
	before, all := loadedSamples(t), loadedSamples(t)
	if _, err := all.fit(simulated, invented); err != nil {
		t.Fatal(err)
	}
	keys := func(s samples) map[identity][]string {
		out := map[identity][]string{}
		for _, o := range s {
			if o.GetKind() == "Secret" {
				for key := range text(t, o, "stringData") {
					out[identify(o)] = append(out[identify(o)], key)
				}
			}
		}
		return out
	}
	sorted := cmp.Transformer("set", func(list []string) map[string]bool {
		set := map[string]bool{}
		for _, key := range list {
			set[key] = true
		}
		return set
	})
	if diff := cmp.Diff(keys(before), keys(all), sorted); diff != "" {
		t.Errorf("-sample +fitted:\n%s", diff)
	}
}

func TestFitTellsNoSecret(t *testing.T) {
	changes, err := loadedSamples(t).fit(simulated, invented)
	if err != nil {
		t.Fatal(err)
	}
	shown := strings.Join(changes, "\n")
	for _, url := range []string{simulated.SPS, simulated.NPS} {
		if !strings.Contains(shown, url) {
			t.Errorf("%s is not shown:\n%s", url, shown)
		}
	}
	for _, secret := range []string{invented.password, invented.apiKey, invented.clientSecret} {
		if strings.Contains(shown, secret) {
			t.Errorf("%q is shown:\n%s", secret, shown)
		}
	}
}

func TestFitRefusesWhatItCannotComplete(t *testing.T) {
	tests := map[string]struct{ remove, add, want string }{
		"a Secret that nothing refers to": {
			add: "{apiVersion: v1, kind: Secret, metadata: {name: lonely}}", want: "lonely: no other sample refers to it",
		},
		"a connection without its Secret": {remove: "Secret/sps-prod", want: `no sample Secret "sps-prod"`},
		"a connection without its CA":     {remove: "ConfigMap/nps-ca", want: "no sample ConfigMap nps-ca"},
		"a user without a password":       {remove: "Secret/alice", want: `no sample Secret "alice"`},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			var all samples
			for _, o := range loadedSamples(t) {
				if o.GetKind()+"/"+o.GetName() != tt.remove {
					all = append(all, o)
				}
			}
			more, err := installation.Decode([]byte(tt.add))
			if err != nil {
				t.Fatal(err)
			}
			_, err = append(all, more...).fit(simulated, invented)
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("error %v, want %q in it", err, tt.want)
			}
		})
	}
}

func TestWhatTheSamplesExpectAtTheAppliance(t *testing.T) {
	all := loadedSamples(t)
	if diff := cmp.Diff([]string{"bob"}, all.foreignUsers()); diff != "" {
		t.Errorf("users: -want +got\n%s", diff)
	}
	if diff := cmp.Diff([]string{"svc/rpokH8fD9kx6CaxNLznKx2/test:12"}, all.sessionsToClose()); diff != "" {
		t.Errorf("sessions: -want +got\n%s", diff)
	}
}

func TestDecodeDocuments(t *testing.T) {
	tests := map[string]struct {
		content string
		want    []string
		fails   string
	}{
		"nothing":                         {"", nil, ""},
		"comments between objects":        {"# one\n---\nkind: A\n---\n# two\n---\nkind: B\n", []string{"A", "B"}, ""},
		"a document that is no object":    {"name: x", nil, "Kind"},
		"a field that is there twice":     {"kind: A\nkind: B\n", nil, "already set"},
		"a document that is not YAML":     {"kind: [", nil, "yaml"},
		"a separator with nothing before": {"---\nkind: A\n", []string{"A"}, ""},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			objects, err := installation.Decode([]byte(tt.content))
			if tt.fails != "" {
				if err == nil || !strings.Contains(err.Error(), tt.fails) {
					t.Errorf("error %v, want %q in it", err, tt.fails)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			var got []string
			for _, o := range objects {
				got = append(got, o.GetKind())
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("-want +got\n%s", diff)
			}
		})
	}
}

func text(t *testing.T, o *unstructured.Unstructured, field string) map[string]string {
	t.Helper()
	values, found, err := unstructured.NestedStringMap(o.Object, field)
	if err != nil || !found {
		t.Fatalf("%v has no %s: %v", identify(o), field, err)
	}
	return values
}
