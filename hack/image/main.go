// SPDX-License-Identifier: Apache-2.0

// Command image prints the CA certificates of the images: the roots that Mozilla trusts, as the Go team publishes them,
// pinned by go.sum. A root that is trusted only for the certificates issued before some date is left out, because PEM
// cannot express that limit.
package main

import (
	"encoding/pem"
	"fmt"
	"os"

	"golang.org/x/crypto/x509roots/fallback/bundle"
)

func main() {
	for root := range bundle.Roots() {
		if root.Constraint != nil {
			continue
		}
		if err := pem.Encode(os.Stdout, &pem.Block{Type: "CERTIFICATE", Bytes: root.Certificate}); err != nil {
			fmt.Fprintln(os.Stderr, "image:", err)
			os.Exit(1)
		}
	}
}
