// SPDX-License-Identifier: Apache-2.0

// Command ziparchive packs a folder as a .zip file, always the same bytes for the same content. Arguments: the file and
// the folder.
package main

import (
	"archive/zip"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"time"
)

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "ziparchive:", err)
		os.Exit(1)
	}
}

func run(arguments []string) error {
	if len(arguments) != 2 {
		return errors.New("usage: ziparchive FILE FOLDER")
	}
	out, err := os.Create(arguments[0]) //nolint:gosec // G703: the caller names the file
	if err != nil {
		return err
	}
	return errors.Join(write(out, os.DirFS(arguments[1])), out.Close())
}

// oldest is the first time that the format can express.
var oldest = time.Date(1980, 1, 1, 0, 0, 0, 0, time.UTC)

// write packs a folder in lexical order.
func write(w io.Writer, folder fs.FS) error {
	packed := zip.NewWriter(w)
	err := fs.WalkDir(folder, ".", func(name string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return err
		}
		content, err := fs.ReadFile(folder, name)
		if err != nil {
			return err
		}
		header := &zip.FileHeader{Name: name, Method: zip.Deflate, Modified: oldest}
		header.SetMode(0o755)
		file, err := packed.CreateHeader(header)
		if err != nil {
			return err
		}
		_, err = file.Write(content)
		return err
	})
	return errors.Join(err, packed.Close())
}
