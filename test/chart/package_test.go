// SPDX-License-Identifier: Apache-2.0

package chart

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// TestAPackageIsTheSameEveryTime packages the chart of one commit twice, as on two days.
func TestAPackageIsTheSameEveryTime(t *testing.T) {
	h, digest := helm4(t), "sha256:"+strings.Repeat("1", 64)
	packaged := func() string {
		dist := t.TempDir()
		cmd := exec.CommandContext(t.Context(), filepath.Join(root, "hack", "package-chart.sh"), "v1.2.3", digest)
		cmd.Env = append(os.Environ(), "HELM="+h.binary, "HOME="+h.home, "DIST="+dist, "SOURCE_DATE_EPOCH=1700000000")
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("%v\n%s", err, out)
		}
		return filepath.Join(dist, "pam-operator-1.2.3.tgz")
	}
	first, second := packaged(), packaged()
	var contents [2][]byte
	for i, file := range []string{first, second} {
		content, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		contents[i] = content
	}
	if !bytes.Equal(contents[0], contents[1]) {
		t.Error("two packages of the same commit differ")
	}
	text, err := h.template(t.Context(), first)
	if err != nil {
		t.Fatal(err)
	}
	d := deployment(t, decode(t, text))
	if image := d.Spec.Template.Spec.Containers[0].Image; !strings.HasSuffix(image, "/pam-operator@"+digest) {
		t.Errorf("the image is %s", image)
	}
	if version := d.Labels["app.kubernetes.io/version"]; version != "1.2.3" {
		t.Errorf("the version is %s", version)
	}
}
