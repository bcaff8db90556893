// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"fmt"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	pamv1alpha1 "github.com/pam-operator/pam-operator/api/v1alpha1"
	"github.com/pam-operator/pam-operator/test/builder"
)

func measureHold(ctx context.Context, b *bench) ([]row, error) {
	d, err := b.newBed(ctx, b.asConfigured, maxHold(b.maxHold))
	if err != nil {
		return nil, err
	}
	took, used, err := d.apply(ctx)
	if err != nil {
		return nil, err
	}
	holds, err := holdsOf(used.holds, used.calls)
	if err != nil {
		return nil, err
	}
	b.holds = append(b.holds, holds...)
	rows := append([]row{b.longestHold(holds, b.maxHold)}, b.holdRows(holds)...)
	rows = append(rows, b.unbudgeted(fmt.Sprintf("%d new policies", b.policies), "%s", seconds(took)))
	return append(rows, used.rows(b)...), nil
}

func maxHold(d time.Duration) builder.Option {
	return builder.With(func(c *pamv1alpha1.SPSConnection) {
		c.Spec.Commit = &pamv1alpha1.CommitSettings{MaxHold: &metav1.Duration{Duration: d}}
	})
}
