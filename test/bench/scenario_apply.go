// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/pam-operator/pam-operator/test/builder"
)

// overhead is what many policies may take, as a multiple of the bare writes and one commit.
const overhead = 1.25

// measureApply compares many new policies with the bare writes of the same objects to an equal appliance, and with the
// API server's own time to create them.
func measureApply(ctx context.Context, b *bench) ([]row, error) {
	const n = 1000
	ours, theirs := b.appliance(slow), b.appliance(slow)
	d, err := b.newBed(ctx, listen(builder.DefaultSPSConnection, ours), listen("bare", theirs))
	if err != nil {
		return nil, err
	}
	creating, err := d.createTime(ctx, n)
	if err != nil {
		return nil, err
	}
	c := d.toAppliance(builder.DefaultSPSConnection)
	if err := d.begin(ctx, c); err != nil {
		return nil, err
	}
	took, err := d.fill(ctx, n)
	if err != nil {
		return nil, err
	}
	made := ours.Objects(policyCollection)
	if len(made) == 0 {
		return nil, errors.New("no policy on the appliance")
	}
	d.say("the same without the operator")
	bare, err := d.bareWrites(ctx, d.host.URL("bare"), made[0].Body, n)
	if err != nil {
		return nil, err
	}
	held, least := total(ours.Stats().HoldTimes), total(theirs.Stats().HoldTimes)
	basis := fmt.Sprintf("%g × %d bare writes and a commit", overhead, n)
	return []row{
		b.judge(fmt.Sprintf("%d new policies, until all are Ready", n), took.Seconds(),
			overhead*bare.Seconds()+creating.Seconds(), inSeconds,
			basis+fmt.Sprintf(", plus the API server's %s for the creates", seconds(creating)), ""),
		b.judge("the configuration locked meanwhile", held.Seconds(), overhead*least.Seconds(), inSeconds, basis,
			fmt.Sprintf("commits: %d", ours.Stats().Commits)),
	}, nil
}

func total(times []time.Duration) (total time.Duration) {
	for _, t := range times {
		total += t
	}
	return total
}
