// SPDX-License-Identifier: Apache-2.0

package release

import (
	"crypto/sha256"
	"encoding/hex"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"sigs.k8s.io/yaml"
)

// krewManifest is what krew reads of it.
type krewManifest struct {
	Metadata struct{ Name string }
	Spec     struct {
		Version, ShortDescription string
		Platforms                 []krewPlatform
	}
}

type krewPlatform struct {
	URI, Sha256, Bin string
	Selector         struct{ MatchLabels map[string]string }
}

// check compares an entry with the archive that it leads to, and returns its platform.
func (p krewPlatform) check(t *testing.T) string {
	t.Helper()
	system, arch := p.Selector.MatchLabels["os"], p.Selector.MatchLabels["arch"]
	name := path.Base(p.URI)
	sum := sha256.Sum256([]byte(name))
	if !strings.HasPrefix(name, "kubectl-pam_"+system+"_"+arch+".") || p.Sha256 != hex.EncodeToString(sum[:]) ||
		!strings.Contains(p.URI, "/v1.2.3/") || strings.HasSuffix(p.Bin, ".exe") != (system == "windows") {
		t.Errorf("%s/%s gets %s %s with the sum %s", system, arch, p.URI, p.Bin, p.Sha256)
	}
	return system + "/" + arch
}

func TestTheKrewManifestHasEveryPlatformOfTheRelease(t *testing.T) {
	t.Parallel()
	built := regexp.MustCompile(`PLATFORMS:-([^}]*)\}`).FindSubmatch(content(t))
	if built == nil {
		t.Fatal("hack/release.sh names no platforms")
	}
	want := strings.Fields(string(built[1]))
	archives := t.TempDir()
	for _, platform := range want {
		name := "kubectl-pam_" + strings.ReplaceAll(platform, "/", "_")
		for _, suffix := range []string{".tar.gz", ".zip"} {
			if err := os.WriteFile(filepath.Join(archives, name+suffix), []byte(name+suffix), 0o600); err != nil {
				t.Fatal(err)
			}
		}
	}
	output, err := exec.CommandContext(t.Context(), "../../hack/krew.sh", "v1.2.3", archives).Output()
	if err != nil {
		t.Fatal(err)
	}
	var manifest krewManifest
	if strings.Contains(string(output), "{{") {
		t.Errorf("the template is not filled in:\n%s", output)
	}
	if err := yaml.Unmarshal(output, &manifest); err != nil {
		t.Fatal(err)
	}
	if s := manifest.Spec; manifest.Metadata.Name != "pam" || s.Version != "v1.2.3" || len(s.ShortDescription) >= 50 {
		t.Errorf("it describes %q %q: %q", manifest.Metadata.Name, s.Version, s.ShortDescription)
	}
	got := make([]string, 0, len(want))
	for _, p := range manifest.Spec.Platforms {
		got = append(got, p.check(t))
	}
	slices.Sort(got)
	slices.Sort(want)
	if !slices.Equal(got, want) {
		t.Errorf("krew installs on %v, and the release is for %v", got, want)
	}
}
