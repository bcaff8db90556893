// SPDX-License-Identifier: Apache-2.0

package sps

import (
	"strconv"
	"strings"
)

// release is a version of the appliance, as far as behaviour depends on it.
type release struct {
	major, minor int
	text         string
}

func parseRelease(text string) release {
	parts := strings.SplitN(text, ".", 3)
	if len(parts) >= 2 {
		major, errMajor := strconv.Atoi(parts[0])
		minor, errMinor := strconv.Atoi(parts[1])
		if errMajor == nil && errMinor == nil {
			return release{major, minor, text}
		}
	}
	return release{8, 0, "8.0"}
}

func (r release) atLeast(major, minor int) bool {
	return r.major > major || r.major == major && r.minor >= minor
}

// firmware is the full version; the vendor's samples come from 6.0.4 and 7.0.3.
func (r release) firmware() string {
	switch r.text {
	case "6.0":
		return "6.0.4"
	case "7.0":
		return "7.0.3"
	}
	if strings.Count(r.text, ".") == 1 {
		return r.text + ".0"
	}
	return r.text
}
