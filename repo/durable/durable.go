// Package durable makes files, and the names in folders, last through a crash, where their
// filesystem knows of such a thing.
//
// A billy filesystem does not promise to sync: those on disk give files a Sync, those in
// memory do not, and cannot open folders. The package asks for what there is. It refuses to
// take an error of the operating system for the lack of it: a folder that is there and
// cannot be opened is an error, for its names may be lost.
package durable

import (
	"errors"
	"fmt"
	"syscall"

	"github.com/go-git/go-billy/v5"
)

// File makes the content of f durable.
func File(f billy.File) error {
	if s, ok := f.(interface{ Sync() error }); ok {
		return s.Sync()
	}
	return nil
}

// Folder makes the names in a folder of fs durable: files that were made, renamed or
// removed. Errors of the operating system are wrapped.
func Folder(fs billy.Filesystem, folder string) error {
	d, err := fs.Open(folder)
	if err != nil {
		if errno := syscall.Errno(0); errors.As(err, &errno) {
			return fmt.Errorf("sync folder %s: %w", folder, err)
		}
		return nil // a filesystem in memory, whose folders are no files
	}
	if err := errors.Join(File(d), d.Close()); err != nil {
		return fmt.Errorf("sync folder %s: %w", folder, err)
	}
	return nil
}
