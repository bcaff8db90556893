// SPDX-License-Identifier: Apache-2.0

package export

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// Write writes a file for each object into a folder. Files that are there already are only overwritten if that is
// wanted: somebody may have changed them.
func (r *Result) Write(folder string, overwrite bool) error {
	if err := os.MkdirAll(folder, 0o755); err != nil { //nolint:gosec // G301: manifests are no secrets
		return err
	}
	flags := os.O_WRONLY | os.O_CREATE | os.O_EXCL
	if overwrite {
		flags = os.O_WRONLY | os.O_CREATE | os.O_TRUNC
	}
	for _, name := range r.Names() {
		path := filepath.Join(folder, name)
		file, err := os.OpenFile(path, flags, 0o644) //nolint:gosec // G302, G304: as above, and the user named the folder
		if errors.Is(err, fs.ErrExist) {
			return fmt.Errorf("%s exists: choose an empty folder, or add --overwrite", path)
		}
		if err != nil {
			return err
		}
		if _, err := file.WriteString(r.Files[name]); err != nil {
			return errors.Join(err, file.Close())
		}
		if err := file.Close(); err != nil {
			return err
		}
	}
	return nil
}

// Print writes all objects as one stream of YAML documents.
func (r *Result) Print(out io.Writer) error {
	for _, name := range r.Names() {
		if _, err := fmt.Fprint(out, "---\n", strings.TrimPrefix(r.Files[name], "---\n")); err != nil {
			return err
		}
	}
	return nil
}
