// SPDX-License-Identifier: Apache-2.0

package nps

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"regexp"
	"strings"
)

// zeroGUID is what the server writes, and reads, as "no ID" where a GUID cannot be null.
const zeroGUID = "00000000-0000-0000-0000-000000000000"

var guidForm = regexp.MustCompile(`^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$`)

// newGUID returns a random GUID.
func newGUID() string {
	var b [16]byte
	_, _ = rand.Read(b[:]) // never fails: crypto/rand aborts the program instead
	return formatGUID(b, 4)
}

// deriveGUID returns the same GUID for the same kind and name, so that the catalogue's IDs can be written into YAML.
func deriveGUID(kind, name string) string {
	sum := sha256.Sum256([]byte(kind + "\x00" + strings.ToLower(name)))
	return formatGUID([16]byte(sum[:16]), 8)
}

func formatGUID(b [16]byte, version byte) string {
	b[6] = b[6]&0x0f | version<<4
	b[8] = b[8]&0x3f | 0x80
	h := hex.EncodeToString(b[:])
	return h[:8] + "-" + h[8:12] + "-" + h[12:16] + "-" + h[16:20] + "-" + h[20:]
}

// parseGUID returns the lower-case form, and whether text is a GUID.
func parseGUID(text string) (string, bool) {
	id := strings.ToLower(text)
	return id, guidForm.MatchString(id)
}
