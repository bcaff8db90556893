// SPDX-License-Identifier: Apache-2.0

package frame

import (
	"context"
	"time"

	"k8s.io/apimachinery/pkg/util/version"

	"github.com/pam-operator/pam-operator/internal/cli/cluster"
	"github.com/pam-operator/pam-operator/internal/cli/printer"
)

// skewPatience is how long a command that is done waits for the operator's version.
const skewPatience = time.Second

// compareVersions finds out whether operator and plugin fit, while the command does its work. Who may not read the CRDs
// gets no warning.
func (f *Frame) compareVersions(ctx context.Context, c *cluster.Client) {
	f.skew = make(chan string, 1)
	go func() {
		operator, err := c.OperatorVersion(ctx)
		if err != nil || !Skewed(f.Version, operator) {
			operator = ""
		}
		f.skew <- operator
	}()
}

func (f *Frame) warnOfSkew() {
	if f.skew == nil {
		return
	}
	timer := time.NewTimer(skewPatience)
	defer timer.Stop()
	select {
	case operator := <-f.skew:
		if operator != "" {
			f.Note(printer.MarkUnknown, "this plugin is %s and the operator %s: use a plugin of the operator's minor version",
				f.Version, operator)
		}
	case <-timer.C:
	}
}

// Skewed reports whether two versions differ in more than the patch. A version that is none, such as that of a build
// from source, fits all.
func Skewed(plugin, operator string) bool {
	p, err := version.ParseGeneric(plugin)
	if err != nil {
		return false
	}
	o, err := version.ParseGeneric(operator)
	if err != nil {
		return false
	}
	return p.Major() != o.Major() || p.Minor() != o.Minor()
}
