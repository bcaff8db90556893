// SPDX-License-Identifier: Apache-2.0

package demo

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// editedPolicy is the file with a policy as somebody might edit it by hand.
const editedPolicy = "edited-policy.json"

// showGuide says what can be tried. All of it needs nothing but the kubectl that belongs to the control plane.
func (d *demo) showGuide(ctx context.Context) error {
	edit, err := d.prepareEdit(ctx)
	if err != nil {
		return err
	}
	for _, line := range []string{
		"Everything runs until Ctrl-C, and transitions are shown here. In another terminal:",
		"",
		"  export KUBECONFIG=" + d.plane.KubeconfigFile,
		`  export PATH="` + filepath.Dir(kubectl()) + `:$PATH"`,
		"",
		"  kubectl get pam -A -o wide",
		"  kubectl explain rdpconnectionpolicy.spec.network",
		"",
		"  # Somebody edits a policy at the appliance, behind the manager's back. Within some seconds it is repaired; the",
		"  # new commit shows here at sps-prod, the field in " + d.manager.LogFile + ":",
		"  " + edit,
		"",
		"  # End a session. Its Secret goes with it:",
		"  kubectl delete activitysession -n payments db-maintenance",
		"",
	} {
		d.screen.line(line)
	}
	return nil
}

// prepareEdit writes a file with one of our policies, but for another port, and returns the command that puts it into
// the appliance behind the manager's back.
func (d *demo) prepareEdit(ctx context.Context) (command string, err error) {
	policies, err := d.policiesAtAppliance(ctx)
	if err != nil {
		return "", err
	}
	// One whose ports are managed.
	i := slices.IndexFunc(policies, func(p spsObject) bool { return p.Body["name"] == "rdp_demo" })
	if i < 0 {
		return "", errors.New("the appliance has no policy rdp_demo")
	}
	network, isMap := policies[i].Body["network"].(map[string]any)
	if !isMap {
		return "", errors.New("the policy rdp_demo has no network")
	}
	network["ports"] = []int{3390}
	content, err := json.Marshal(policies[i].Body)
	if err != nil {
		return "", err
	}
	host, path := splitURL(d.appliances.objects(policiesCollection, policies[i].Key))
	file := d.path(editedPolicy)
	return fmt.Sprintf("kubectl -s %s replace --raw '%s' -f %s", host, path, file), os.WriteFile(file, content, 0o600)
}

// splitURL divides a URL before its path.
func splitURL(url string) (host, path string) {
	scheme, rest, _ := strings.Cut(url, "://")
	host, path, _ = strings.Cut(rest, "/")
	return scheme + "://" + host, "/" + path
}
