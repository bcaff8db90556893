// SPDX-License-Identifier: Apache-2.0

package nps

import (
	"context"
	"strings"
)

// The built-in platforms whose IDs the vendor documents; they are the same on every server (docs/vendors/nps.md 7.3).
const (
	PlatformWindows         = "d07c4352-ea1a-44a2-8fe8-6f198ec1119f"
	PlatformActiveDirectory = "d6a07d9c-4b2e-4430-8c5b-401724dce933"
	PlatformLinux           = "43a54a6d-1ba3-4b98-a2eb-552e03c60766"
)

// Platform is a kind of resource. A custom platform is a copy of a built-in one with its own ID.
type Platform struct {
	ID             string `json:"id"`
	Name           string `json:"name"`
	BasePlatformID string `json:"basePlatformId"`
}

// UnmarshalJSON decodes member by member and never fails.
func (p *Platform) UnmarshalJSON(data []byte) error {
	type wire Platform
	return lenient(data, (*wire)(p))
}

// IsRDP reports whether sessions on the platform are reached through an RDP file, by its own ID or that of the platform
// it was copied from.
func (p Platform) IsRDP() bool { return IsRDPPlatform(p.ID) || IsRDPPlatform(p.BasePlatformID) }

// IsRDPPlatform reports whether NPS provides RDP files for sessions on this built-in platform; for the others it
// provides SSH URLs at most. The comparison ignores case.
func IsRDPPlatform(id string) bool {
	return strings.EqualFold(id, PlatformWindows) || strings.EqualFold(id, PlatformActiveDirectory)
}

// Platform reads a platform by ID. The endpoint is undocumented (docs/vendors/nps.md 7.3): callers must expect an
// error, and let users choose the protocol.
func (c *Client) Platform(ctx context.Context, id string) (Platform, error) {
	var platform Platform
	if err := c.rest.DoJSON(ctx, get(operationPlatform, "Platform", id), &platform); err != nil {
		return Platform{}, err
	}
	platform.ID, platform.BasePlatformID = cut(platform.ID), cut(platform.BasePlatformID)
	platform.Name = cut(platform.Name)
	return platform, nil
}
