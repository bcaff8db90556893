// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"encoding/pem"
	"errors"
	"io/fs"
	"os"
	"path/filepath"

	"golang.org/x/crypto/x509roots/fallback/bundle"
)

// nonroot is the user of every image, the same as in the distroless base image of the Dockerfile. Kubernetes checks
// runAsNonRoot by number only.
const nonroot = 65532

const certificatesFile = "etc/ssl/certs/ca-certificates.crt"

// entry is a file or a folder of a root file system.
type entry struct {
	path  string // relative to the root
	mode  fs.FileMode
	owner int // of user and group
	body  []byte
}

// base is what a static binary expects of its root file system, and the same in every image.
func base() ([]entry, error) {
	certificates, err := certificates()
	if err != nil {
		return nil, err
	}
	return []entry{
		{path: "etc", mode: fs.ModeDir | 0o755},
		{path: "etc/group", mode: 0o644, body: []byte("root:x:0:\nnonroot:x:65532:\n")},
		{path: "etc/passwd", mode: 0o644, body: []byte("root:x:0:0:root:/root:/sbin/nologin\n" +
			"nonroot:x:65532:65532:nonroot:/home/nonroot:/sbin/nologin\n")},
		{path: "etc/ssl", mode: fs.ModeDir | 0o755},
		{path: "etc/ssl/certs", mode: fs.ModeDir | 0o755},
		{path: certificatesFile, mode: 0o644, body: certificates},
		{path: "home", mode: fs.ModeDir | 0o755},
		{path: "home/nonroot", mode: fs.ModeDir | 0o755, owner: nonroot},
		{path: "tmp", mode: fs.ModeDir | fs.ModeSticky | 0o777},
	}, nil
}

// certificates are the roots that Mozilla trusts, as the Go team publishes them: pinned by go.sum, so that an image
// does not depend on the machine that built it. A root that is trusted only for the certificates issued before some
// date is left out, because a PEM file cannot express that limit.
func certificates() ([]byte, error) {
	var file bytes.Buffer
	for root := range bundle.Roots() {
		if root.Constraint != nil {
			continue
		}
		if err := pem.Encode(&file, &pem.Block{Type: "CERTIFICATE", Bytes: root.Certificate}); err != nil {
			return nil, err
		}
	}
	if file.Len() == 0 {
		return nil, errors.New("the bundle of CA certificates is empty")
	}
	return file.Bytes(), nil
}

// writeFolder writes entries to a folder, which must not exist, for builders that take one. They decide on owners.
func writeFolder(folder string, entries []entry) error {
	if err := os.MkdirAll(folder, 0o755); err != nil { //nolint:gosec // G301: the image's user must be able to read it
		return err
	}
	for _, e := range entries {
		path := filepath.Join(folder, filepath.FromSlash(e.path))
		if err := writeEntry(path, e); err != nil {
			return err
		}
		if err := os.Chmod(path, e.mode&(fs.ModePerm|fs.ModeSticky)); err != nil { // whatever the umask is
			return err
		}
	}
	return os.Chmod(folder, 0o755) //nolint:gosec // G302: the image's user must be able to read it
}

func writeEntry(path string, e entry) error {
	if e.mode.IsDir() {
		return os.Mkdir(path, 0o700)
	}
	return os.WriteFile(path, e.body, 0o600)
}
