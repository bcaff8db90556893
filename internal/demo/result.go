// SPDX-License-Identifier: Apache-2.0

package demo

import (
	"context"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	pamv1alpha1 "github.com/pam-operator/pam-operator/api/v1alpha1"
)

// showResult shows all objects, the connection Secrets, and what the simulated appliances say about themselves.
func (d *demo) showResult(ctx context.Context) error {
	d.screen.line("")
	for _, line := range table(d.screen, objectRows(d.board.all())) {
		d.screen.line(line)
	}
	d.screen.line("")
	if err := d.showSecrets(ctx); err != nil {
		return err
	}
	if err := d.showSPS(ctx); err != nil {
		return err
	}
	err := d.showNPS(ctx)
	d.screen.line("")
	return err
}

// showSecrets names the keys of the connection Secrets, and not their values.
func (d *demo) showSecrets(ctx context.Context) error {
	var secrets corev1.SecretList
	ofSessions := client.MatchingFields{"type": pamv1alpha1.SecretTypeConnection}
	if err := d.client.List(ctx, &secrets, ofSessions); err != nil {
		return fmt.Errorf("list connection Secrets: %w", err)
	}
	for _, s := range secrets.Items {
		keys := slices.Sorted(maps.Keys(s.Data))
		d.screen.line(fmt.Sprintf("Secret %s/%s has the keys %s", s.Namespace, s.Name, strings.Join(keys, ", ")))
	}
	return nil
}

// spsObject is an object of the simulated appliance.
type spsObject struct {
	Key  string         `json:"key"`
	Body map[string]any `json:"body"`
}

func (d *demo) showSPS(ctx context.Context) error {
	var stats struct{ LogIns, Commits, Writes int }
	if err := control(ctx, http.MethodGet, d.appliances.SPSControl+"/stats", nil, &stats); err != nil {
		return err
	}
	policies, err := d.policiesAtAppliance(ctx)
	if err != nil {
		return err
	}
	var names []string
	for _, p := range policies {
		names = append(names, fmt.Sprint(p.Body["name"]))
	}
	d.screen.line(fmt.Sprintf("SPS says: %d writes in %d commits, %d log-ins; RDP policies %s",
		stats.Writes, stats.Commits, stats.LogIns, strings.Join(names, ", ")))
	return nil
}

func (d *demo) policiesAtAppliance(ctx context.Context) ([]spsObject, error) {
	var policies []spsObject
	err := control(ctx, http.MethodGet, d.appliances.objects(policiesCollection, ""), nil, &policies)
	return policies, err
}

func (d *demo) showNPS(ctx context.Context) error {
	var sessions []struct{ Activity, Resource, Status, CreatedBy string }
	if err := control(ctx, http.MethodGet, d.appliances.NPSControl+"/sessions", nil, &sessions); err != nil {
		return err
	}
	for _, s := range sessions {
		d.screen.line(fmt.Sprintf("NPS says: session %q on %s for %s is %s", s.Activity, s.Resource, s.CreatedBy, s.Status))
	}
	return nil
}
