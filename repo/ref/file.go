package ref

import (
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/go-git/go-billy/v5"

	"aergo/repo/durable"
)

// tempPrefix begins the names of files that are not refs yet. No ref's name begins so.
const tempPrefix = ".new-"

// read returns the bytes of a file, and one more than the limit of a file that is too
// long, so that the decoder sees it.
func (s *Store) read(path string) ([]byte, error) {
	s.files.RLock()
	defer s.files.RUnlock()
	info, err := s.fs.Lstat(path)
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() {
		return nil, fmt.Errorf("%s is %w: not a regular file", path, ErrDamaged)
	}
	f, err := s.fs.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return io.ReadAll(io.LimitReader(f, recordMaxBytes+1))
}

func (s *Store) readDir(folder string) ([]os.FileInfo, error) {
	s.files.RLock()
	defer s.files.RUnlock()
	return s.fs.ReadDir(folder)
}

// replace gives path a new content, durably: readers see the old file or the new one.
func (s *Store) replace(path string, data []byte) error {
	folder := folderOf(path)
	if err := s.makeFolder(folder); err != nil {
		return err
	}
	temp := folder + "/" + tempPrefix + randomHex()
	err := s.writeNew(temp, data)
	if err == nil {
		s.files.Lock()
		err = s.fs.Rename(temp, path)
		s.files.Unlock()
	}
	if err != nil {
		s.files.Lock()
		removeErr := s.fs.Remove(temp)
		s.files.Unlock()
		if removeErr != nil && !errors.Is(removeErr, os.ErrNotExist) {
			err = errors.Join(err, removeErr)
		}
		return err
	}
	return durable.Folder(s.fs, folder)
}

// makeFolder makes a folder and those above it, and makes their names durable before
// anything is written into them.
func (s *Store) makeFolder(folder string) error {
	s.files.Lock()
	defer s.files.Unlock()
	if _, err := s.fs.Stat(folder); !errors.Is(err, os.ErrNotExist) {
		return err
	}
	if err := s.fs.MkdirAll(folder, 0o777); err != nil {
		return err
	}
	for folder != "." {
		folder = folderOf(folder)
		if err := durable.Folder(s.fs, folder); err != nil {
			return err
		}
	}
	return nil
}

// writeNew makes a file and returns when its content is durable.
func (s *Store) writeNew(path string, data []byte) error {
	f, err := s.create(path, data)
	if f == nil {
		return err
	}
	if err == nil {
		err = durable.File(f)
	}
	if closeErr := f.Close(); err == nil {
		err = closeErr
	}
	return err
}

// create makes a file and writes data to it, without waiting for the disk. The file is
// open, unless it is nil.
func (s *Store) create(path string, data []byte) (billy.File, error) {
	// A folder in memory looks at the sizes of its files when it is listed.
	s.files.Lock()
	defer s.files.Unlock()
	f, err := s.fs.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o666)
	if err != nil {
		return nil, err
	}
	_, err = f.Write(data)
	return f, err
}

// unlink removes a file, durably.
func (s *Store) unlink(path string) error {
	s.files.Lock()
	err := s.fs.Remove(path)
	s.files.Unlock()
	if err != nil {
		return err
	}
	return durable.Folder(s.fs, folderOf(path))
}

func folderOf(path string) string {
	if i := strings.LastIndexByte(path, '/'); i >= 0 {
		return path[:i]
	}
	return "."
}

// randomHex returns 16 digits that no other writer has. Reading random bytes does not
// fail.
func randomHex() string {
	var b [8]byte
	_, _ = rand.Read(b[:])
	return hex.EncodeToString(b[:])
}
