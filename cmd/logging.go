// SPDX-License-Identifier: Apache-2.0

package main

import (
	"github.com/go-logr/logr"
	"github.com/go-logr/zapr"
	uberzap "go.uber.org/zap"
	"go.uber.org/zap/zapcore"
	"sigs.k8s.io/controller-runtime/pkg/log/zap"

	"github.com/pam-operator/pam-operator/internal/audit"
)

// maxVerbosity caps the log level: from 8 on, the API server's client logs the bodies of requests and responses,
// Secrets included.
const maxVerbosity = 7

// noBodies caps a level at maxVerbosity; nil is the default level.
func noBodies(level zapcore.LevelEnabler) zapcore.LevelEnabler {
	if level == nil || !level.Enabled(-maxVerbosity-1) {
		return level
	}
	return zapcore.Level(-maxVerbosity)
}

// newLogger returns the manager's logger. It drops lines that repeat more than a hundred times a second, but none of
// the audit trail.
func newLogger(o *zap.Options) logr.Logger {
	var all zapcore.Core
	beforeSampling := uberzap.WrapCore(func(c zapcore.Core) zapcore.Core {
		all = c
		return c
	})
	raw := zap.NewRaw(zap.UseFlagOptions(o), zap.RawZapOpts(beforeSampling))
	return zapr.NewLogger(raw.WithOptions(uberzap.WrapCore(func(sampled zapcore.Core) zapcore.Core {
		return auditCore{Core: sampled, all: all}
	})))
}

// auditCore writes the audit trail to a core that samples nothing.
type auditCore struct {
	zapcore.Core
	all zapcore.Core
}

func (c auditCore) With(fields []zapcore.Field) zapcore.Core {
	return auditCore{c.Core.With(fields), c.all.With(fields)}
}

func (c auditCore) Check(entry zapcore.Entry, to *zapcore.CheckedEntry) *zapcore.CheckedEntry {
	if entry.Message == audit.Message {
		return c.all.Check(entry, to)
	}
	return c.Core.Check(entry, to)
}
