// SPDX-License-Identifier: Apache-2.0

package metrics

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/pam-operator/pam-operator/internal/nps"
	"github.com/pam-operator/pam-operator/internal/sps"
)

// TestEveryRequestHasAnOperationOfTheList reads the sources of both clients: a constant that is left out of the list
// would be counted as other, and a request without an operation as well.
func TestEveryRequestHasAnOperationOfTheList(t *testing.T) {
	constant := regexp.MustCompile(`(?m)^\toperation\w+ += "(\w+)"$`)
	literal := regexp.MustCompile(`rest\.Request\{\s*(\w+)`)
	for folder, listed := range map[string][]string{"nps": nps.Operations(), "sps": sps.Operations()} {
		files, err := filepath.Glob(filepath.Join("..", folder, "*.go"))
		if err != nil {
			t.Fatal(err)
		}
		var declared []string
		for _, file := range files {
			if strings.HasSuffix(file, "_test.go") {
				continue
			}
			source, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			for _, match := range constant.FindAllStringSubmatch(string(source), -1) {
				declared = append(declared, match[1])
			}
			for _, match := range literal.FindAllStringSubmatch(string(source), -1) {
				if match[1] != "Operation" {
					t.Errorf("%s: a request begins with %s and not with its operation", file, match[1])
				}
			}
		}
		if diff := cmp.Diff(declared, listed); diff != "" || len(declared) == 0 {
			t.Errorf("%s, -declared +listed:\n%s", folder, diff)
		}
	}
}
