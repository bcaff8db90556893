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

// Files with policies of an administrator: ours with another port, and one that nobody has an object for.
const (
	editedPolicy = "edited-policy.json"
	madePolicy   = "made-policy.json"
)

// showGuide lists what can be tried. It needs only the kubectl of the control plane.
func (d *demo) showGuide(ctx context.Context) error {
	edit, create, err := d.prepareEdits(ctx)
	if err != nil {
		return err
	}
	bin, err := filepath.Abs(d.Bin)
	if err != nil {
		return err
	}
	for _, line := range []string{
		"Everything runs until Ctrl-C, and transitions are shown here. What is on the appliances, in a browser:",
		"",
		"  " + d.appliances.Page,
		"",
		"In another terminal:",
		"",
		"  export KUBECONFIG=" + d.plane.KubeconfigFile,
		`  export PATH="` + bin + ":" + filepath.Dir(kubectl()) + `:$PATH"`,
		"",
		"  kubectl pam status -A",
		"  kubectl pam check",
		"  kubectl pam session list -n payments",
		"  kubectl get pam -A -o wide",
		"  kubectl explain rdpconnectionpolicy.spec.network",
		"",
		"  # Edit a policy on the appliance, behind the manager's back. It is repaired within seconds: the new commit is",
		"  # shown here at sps-prod, and the field in " + d.manager.LogFile + ":",
		"  " + edit,
		"",
		"  # Make a policy on the appliance that no object stands for, and take it over. Nothing changes there by that.",
		"  # The operator looks for such changes now and then, and at once if it is asked to:",
		"  " + create,
		"  kubectl pam reconcile -n pam-system spsc/sps-prod",
		"  kubectl pam unmanaged -n pam-system --connection sps-prod",
		"  kubectl pam export -n pam-system --connection sps-prod --unmanaged -d " + d.path("export"),
		"  kubectl pam adopt -n pam-system -f " + d.path("export"),
		"",
		"  # Where a session leads, and its end. Its Secret is deleted with it:",
		"  kubectl pam session connect -n payments db-maintenance --print",
		"  kubectl pam session cancel -n payments db-maintenance",
		"",
	} {
		d.screen.line(line)
	}
	return nil
}

// prepareEdits writes files with one of our policies and another port, under its name and under a new one. It returns
// the commands that put them onto the appliance behind the manager's back.
func (d *demo) prepareEdits(ctx context.Context) (edit, create string, err error) {
	policies, err := d.policiesAtAppliance(ctx)
	if err != nil {
		return "", "", err
	}
	// The ports of this one are managed.
	i := slices.IndexFunc(policies, func(p spsObject) bool { return p.Body["name"] == "rdp_demo" })
	if i < 0 {
		return "", "", errors.New("the appliance has no policy rdp_demo")
	}
	network, isMap := policies[i].Body["network"].(map[string]any)
	if !isMap {
		return "", "", errors.New("the policy rdp_demo has no network")
	}
	network["ports"] = []int{3390}
	if edit, err = d.putPolicy(editedPolicy, policies[i].Key, policies[i].Body); err != nil {
		return "", "", err
	}
	policies[i].Body["name"] = "rdp_legacy"
	create, err = d.putPolicy(madePolicy, "", policies[i].Body)
	return edit, create, err
}

// putPolicy writes a policy into a file, and returns the command that puts it onto the appliance; without a key, it is
// a new one there.
func (d *demo) putPolicy(file, key string, body map[string]any) (command string, err error) {
	content, err := json.Marshal(body)
	if err != nil {
		return "", err
	}
	host, path := splitURL(d.appliances.objects(policiesCollection, key))
	return fmt.Sprintf("kubectl -s %s replace --raw '%s' -f %s", host, path, d.path(file)),
		os.WriteFile(d.path(file), content, 0o600)
}

// splitURL divides a URL before its path.
func splitURL(url string) (host, path string) {
	scheme, rest, _ := strings.Cut(url, "://")
	host, path, _ = strings.Cut(rest, "/")
	return scheme + "://" + host, "/" + path
}
