// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"fmt"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	"sigs.k8s.io/controller-runtime/pkg/client"

	pamv1alpha1 "github.com/pam-operator/pam-operator/api/v1alpha1"
	"github.com/pam-operator/pam-operator/internal/simulator/sps"
	"github.com/pam-operator/pam-operator/test/builder"
)

const (
	exportBudget = time.Minute
	// exportCalls are the lists of three collections and of the five that the policies refer to, and what tells the
	// configurations apart.
	exportCalls = 40
	// exportCheck is how often an export is looked at; it has no watch of its own.
	exportCheck = 50 * time.Millisecond
)

// measureExport exports an appliance that has many policies and that no object names.
func measureExport(ctx context.Context, b *bench) ([]row, error) {
	quick := func(s *sps.Switches) { s.WriteDelay, s.CommitDelay = 0, 0 } // nothing is written
	d, err := b.newBed(ctx, quick)
	if err != nil {
		return nil, err
	}
	d.say("putting %d policies onto the appliance", d.exports)
	if err := d.byHand(); err != nil {
		return nil, err
	}
	if err := d.startReady(ctx); err != nil {
		return nil, err
	}
	s, err := d.mark()
	if err != nil {
		return nil, err
	}
	e, took, err := d.export(ctx)
	if err != nil {
		return nil, err
	}
	used, err := s.end()
	if err != nil {
		return nil, err
	}
	return d.withMemory([]row{
		atMost(b, limit[time.Duration]{
			what: fmt.Sprintf("%d policies: from the request to the last ConfigMap", d.exports), measured: took,
			most: exportBudget, show: seconds, detail: fmt.Sprintf("%d ConfigMaps", len(e.Status.Parts)),
		}),
		atMost(b, limit[int]{
			what: "appliance calls", measured: len(used.calls), most: exportCalls, show: number,
			detail: fmt.Sprint(tallyOf(used.calls)),
		}),
		b.unbudgeted("log-ins / transactions", "%d / %d", used.logIns, used.opened),
	}, "memory resident, after the export")
}

// byHand puts policies onto the appliance, as administrators would.
func (d *bed) byHand() error {
	for i := range d.exports {
		body, err := builder.RDPBody(fmt.Sprintf("RDP %05d", i), fmt.Sprintf(
			`{"network": {"clients": ["10.%d.%d.0/24"], "targets": ["172.16.%d.%d/32"], "ports": [3389]}}`,
			i/256%256, i%256, i/256%256, i%256))
		if err != nil {
			return err
		}
		d.appliance.Put("rdp/connections", "", body)
	}
	return nil
}

// export creates an export, and waits until it is complete.
func (d *bed) export(ctx context.Context) (*pamv1alpha1.ApplianceExport, time.Duration, error) {
	e := builder.ApplianceExport("everything", builder.InNamespace(namespace))
	begun := time.Now()
	if err := d.client.Create(ctx, e); err != nil {
		return nil, 0, err
	}
	for !meta.IsStatusConditionTrue(e.Status.Conditions, pamv1alpha1.ConditionComplete) {
		if time.Since(begun) > d.patience {
			return nil, 0, fmt.Errorf("the export is not complete after %s: %+v", d.patience, e.Status.Conditions)
		}
		if err := d.pass(ctx, exportCheck); err != nil {
			return nil, 0, err
		}
		if err := d.client.Get(ctx, client.ObjectKeyFromObject(e), e); err != nil {
			return nil, 0, err
		}
	}
	took := time.Since(begun)
	list := &corev1.ConfigMapList{}
	err := d.client.List(ctx, list, client.InNamespace(namespace), client.MatchingLabels{
		pamv1alpha1.LabelExport: e.Name,
	})
	if err == nil && len(list.Items) != len(e.Status.Parts) {
		err = fmt.Errorf("%d ConfigMaps for %d parts", len(list.Items), len(e.Status.Parts))
	}
	return e, took, err
}
