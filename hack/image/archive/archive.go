// SPDX-License-Identifier: Apache-2.0

// Package archive writes tar files that depend on nothing but the names, the content and the permissions of the files
// in them: not on time, owner or order on disk.
package archive

import (
	"archive/tar"
	"io"
	"io/fs"
	"path"
	"time"
)

// Header describes a file or a folder. The time is always the epoch.
func Header(name string, mode fs.FileMode, size int64) *tar.Header {
	h := &tar.Header{
		Typeflag: tar.TypeReg, Name: name, Size: size, Mode: int64(mode.Perm()), ModTime: time.Unix(0, 0),
		Format: tar.FormatPAX,
	}
	if mode.IsDir() {
		h.Typeflag, h.Name, h.Size = tar.TypeDir, name+"/", 0
	}
	return h
}

// Write packs a folder in lexical order, below the given name; an empty one puts its files at the root. Of permissions
// it keeps who may execute a file.
func Write(w io.Writer, folder fs.FS, below string) error {
	packed := tar.NewWriter(w)
	err := fs.WalkDir(folder, ".", func(name string, e fs.DirEntry, err error) error {
		if err != nil || (name == "." && below == "") {
			return err
		}
		return add(packed, folder, name, path.Join(below, name), e)
	})
	if err != nil {
		return err
	}
	return packed.Close()
}

func add(w *tar.Writer, folder fs.FS, from, to string, e fs.DirEntry) error {
	info, err := e.Info()
	if err != nil {
		return err
	}
	mode := fs.FileMode(0o644)
	if e.IsDir() || info.Mode()&0o100 != 0 {
		mode = 0o755
	}
	if err := w.WriteHeader(Header(to, mode|info.Mode().Type(), info.Size())); err != nil || e.IsDir() {
		return err
	}
	file, err := folder.Open(from)
	if err != nil {
		return err
	}
	defer func() { _ = file.Close() }() // it was only read
	_, err = io.Copy(w, file)
	return err
}
