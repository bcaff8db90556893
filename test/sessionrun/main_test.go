// SPDX-License-Identifier: Apache-2.0

package sessionrun

import (
	"os"
	"os/signal"
	"syscall"
	"testing"
)

// TestMain has the processes that are started here react to a hang-up. Where tests run in the background, it may be
// ignored, which is inherited, and which the plugin respects as nohup(1) wants it.
func TestMain(m *testing.M) {
	signal.Notify(make(chan os.Signal, 1), syscall.SIGHUP)
	os.Exit(m.Run())
}
