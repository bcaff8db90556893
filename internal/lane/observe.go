// SPDX-License-Identifier: Apache-2.0

package lane

import "time"

// State is where a pass is. A controller's own metrics end when an object is handed to its lane.
type State string

// The states of a pass.
const (
	// Waiting: in its lane.
	Waiting State = "waiting"
	// Running: at work.
	Running State = "running"
	// StandingAside: it waits for a shared commit; see Aside.
	StandingAside State = "aside"
)

// States lists the states.
func States() []State { return []State{Waiting, Running, StandingAside} }

// moved reports a pass in a new state; an empty state means none.
func (l *Lanes) moved(from, to State) {
	if l.options.Moved != nil {
		l.options.Moved(from, to)
	}
}

func (l *Lanes) over(begun time.Time, err error) {
	if l.options.Over != nil {
		l.options.Over(time.Since(begun), err)
	}
}
