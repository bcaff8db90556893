// SPDX-License-Identifier: Apache-2.0

package groupcommit

import "time"

// pace is how fast the store was last time.
type pace struct{ change, verify time.Duration }

// The assumed pace of a store not yet measured. If it is wrong, the first batch is split, or the first transaction ends
// slightly earlier or later than it could.
const (
	assumedChange = 20 * time.Millisecond
	assumedVerify = time.Millisecond
)

func newPace() pace { return pace{change: assumedChange, verify: assumedVerify} }

// wrote records how long writing changes took.
func (p *pace) wrote(changes int, took time.Duration) { p.change = took / time.Duration(changes) }

// verified records how long verifying a transaction of changes took.
func (p *pace) verified(changes int, took time.Duration) { p.verify = took / time.Duration(changes) }

// writing estimates how long writing changes takes.
func (p *pace) writing(changes int) time.Duration { return time.Duration(changes) * p.change }

// verifying estimates how long verifying changes takes: half as long again as last time, because an overrun extends the
// hold.
func (p *pace) verifying(changes int) time.Duration { return time.Duration(changes) * p.verify * 3 / 2 }
