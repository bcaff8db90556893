// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"fmt"
	"math/bits"
	"strings"
	"time"

	"sigs.k8s.io/controller-runtime/pkg/client"

	pamv1alpha1 "github.com/pam-operator/pam-operator/api/v1alpha1"
	"github.com/pam-operator/pam-operator/internal/simulator/sps"
)

// refusedPrefix begins the names of the policies that the appliance refuses.
const refusedPrefix = "refused-"

func measureRefusals(ctx context.Context, b *bench) ([]row, error) {
	d, err := b.newBed(ctx, b.asConfigured)
	if err != nil {
		return nil, err
	}
	poison := sps.Refusal{Collection: policyCollection, Name: "^" + refusedPrefix, At: sps.AtCommit}
	if err := d.appliance.Refuse(poison); err != nil {
		return nil, err
	}
	if err := d.startReady(ctx); err != nil {
		return nil, err
	}
	s, err := d.mark()
	if err != nil {
		return nil, err
	}
	d.say("creating %d policies, %d of which the appliance refuses at the commit", b.changes, b.refused)
	if err := d.createAll(ctx, b.changes, b.poisonedPolicy); err != nil {
		return nil, err
	}
	good, err := d.await(ctx, pamv1alpha1.ReasonSynced, b.changes-b.refused)
	if err != nil {
		return nil, err
	}
	bad, err := d.await(ctx, pamv1alpha1.ReasonRejected, b.refused)
	if err != nil {
		return nil, err
	}
	used, err := s.end()
	if err != nil {
		return nil, err
	}
	return append(b.refusalRows(d.committed(), used),
		b.unbudgeted("until the good ones are Ready / the bad ones Rejected", "%s / %s",
			seconds(good.Sub(s.begun)), seconds(max(good.Sub(s.begun), bad.Sub(s.begun)).Round(time.Millisecond)))), nil
}

// poisonedPolicy spreads the bad ones evenly.
func (b *bench) poisonedPolicy(i int) client.Object {
	every := b.changes / b.refused
	if i%every == every/2 && i/every < b.refused {
		return policy(fmt.Sprintf("%s%05d", refusedPrefix, i), i)
	}
	return numberedPolicy(i)
}

// committed are policies on the appliance.
type committed struct{ good, bad int }

// committed counts the policies on the appliance, and the refused ones among them.
func (d *bed) committed() (c committed) {
	for _, o := range d.appliance.Objects(policyCollection) {
		if name, _ := o.Body["name"].(string); strings.HasPrefix(name, refusedPrefix) {
			c.bad++
		} else {
			c.good++
		}
	}
	return c
}

func (b *bench) refusalRows(have committed, used spent) []row {
	wanted := b.changes - b.refused
	kept := row{
		scenario: b.name, what: fmt.Sprintf("%d changes, %d refused at the commit: committed", b.changes, b.refused),
		budget: fmt.Sprintf("= %d", wanted), measured: fmt.Sprint(have.good),
		ratio:   share(float64(have.good), float64(wanted)),
		verdict: holds,
	}
	if have.good != wanted || have.bad != 0 {
		kept.verdict = missed
	}
	return append([]row{kept, atMost(b, limit[int]{
		what: "commits, including refused ones", measured: used.commits + used.refused,
		most: commitBudget(b.changes, b.refused), show: number,
		detail: fmt.Sprintf("%d done, %d refused", used.commits, used.refused),
	})}, used.rows(b)...)
}

// commitBudget is 1 + 2·b·⌈log2 n⌉ for b bad changes among n.
func commitBudget(n, bad int) int { return 1 + 2*bad*bits.Len(uint(max(0, n-1))) }
