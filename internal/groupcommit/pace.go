// SPDX-License-Identifier: Apache-2.0

package groupcommit

import "time"

// pace is how fast the store was lately.
type pace struct{ change, verify time.Duration }

// The pace of a store that has shown none yet. If it is wrong, the first batch is split, or the first transaction ends
// a little earlier or later than it might.
const (
	assumedChange = 20 * time.Millisecond
	assumedVerify = time.Millisecond
)

func newPace() pace { return pace{change: assumedChange, verify: assumedVerify} }

// wrote takes note of how long it took to write changes.
func (p *pace) wrote(changes int, took time.Duration) { p.change = took / time.Duration(changes) }

// verified takes note of how long it took to verify a transaction of changes.
func (p *pace) verified(changes int, took time.Duration) { p.verify = took / time.Duration(changes) }

// writing is how long it is likely to take to write changes.
func (p *pace) writing(changes int) time.Duration { return time.Duration(changes) * p.change }

// verifying is how long it may take to verify changes: half as much again as lately, because what is late then is the
// end of the lock.
func (p *pace) verifying(changes int) time.Duration { return time.Duration(changes) * p.verify * 3 / 2 }
