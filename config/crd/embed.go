// SPDX-License-Identifier: Apache-2.0

// Package crd holds the definitions of the kinds as they are installed, for code that has to know what the API server
// accepts.
package crd

import "embed"

// Bases has the definitions, in files below bases/ that are named GROUP_PLURAL.yaml.
//
//go:embed bases/*.yaml
var Bases embed.FS
