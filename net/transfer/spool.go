package transfer

import (
	"context"
	"crypto/rand"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"sync"

	"github.com/go-git/go-billy/v5"

	"aergo/repo/object"
	"aergo/repo/store"
)

// A spool file is records, one after the other, each an object as it came:
//
//	hash (32 bytes), size (4), size of the seal (2), the object, the seal
//
// Sizes are big-endian. What does not hold, at the end of a file that a crash has cut or
// anywhere else, ends the file for a reader.
const (
	spoolSuffix      = ".spool"
	spoolRecordBytes = object.HashSize + 6
	spoolBufferBytes = 1 << 20
)

// spool keeps objects whose hashes are right, but of which nothing else is known yet,
// until the repository takes them. It is there for whoever transfers next, when a transfer
// is cut; nobody needs it afterwards. Several processes may use one folder: each writes a
// file of its own, and reads those that it finds.
//
// Its memory is a buffer and some 30 bytes for each object.
type spool struct {
	fs       billy.Filesystem
	maxBytes int64

	mu    sync.Mutex
	files []billy.File // the last one is our own, once there is one
	// index leads from the first eight bytes of a hash to a place: the file's number in the
	// upper 16 bits, the offset below. Of two objects with the same eight bytes, which only
	// somebody who tries hard can make, one is as good as absent, and is asked for again.
	index map[uint64]uint64
	own   billy.File
	buf   []byte // what has not been written yet, of our own file
	start int64  // offset of buf
	bytes int64  // of all files
}

// openSpool reads what earlier transfers have left in the root of fs.
func openSpool(fs billy.Filesystem, maxBytes int64) (*spool, error) {
	s := &spool{fs: fs, maxBytes: maxBytes, index: map[uint64]uint64{}}
	infos, err := fs.ReadDir("")
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return nil, fmt.Errorf("spool: %w", err)
	}
	for _, info := range infos {
		if !strings.HasSuffix(info.Name(), spoolSuffix) || !info.Mode().IsRegular() || len(s.files) == 1<<15 {
			continue
		}
		f, err := fs.Open(info.Name())
		if errors.Is(err, os.ErrNotExist) {
			continue // another transfer has ended meanwhile
		}
		if err != nil {
			return nil, errors.Join(fmt.Errorf("spool: %w", err), s.close(false))
		}
		s.files = append(s.files, f)
		s.scan(uint64(len(s.files)-1), f)
	}
	return s, nil
}

// scan takes in the records of a file as far as they hold.
func (s *spool) scan(number uint64, f billy.File) {
	offset := int64(0)
	for {
		h, data, seal, err := readRecord(f, offset)
		if err != nil || object.Sum(data) != h {
			break
		}
		s.index[prefix(h)] = number<<48 | uint64(offset)
		offset += int64(spoolRecordBytes + len(data) + len(seal))
	}
	s.bytes += offset
}

func prefix(h object.Hash) uint64 { return binary.BigEndian.Uint64(h[:]) }

// errRecord says that no record is where one was looked for.
var errRecord = errors.New("no record of a spool")

func readRecord(f io.ReaderAt, offset int64) (h object.Hash, data, seal []byte, err error) {
	var head [spoolRecordBytes]byte
	if _, err := f.ReadAt(head[:], offset); err != nil {
		return h, nil, nil, err
	}
	h, size, sealSize, err := decodeRecordHead(head)
	if err != nil {
		return h, nil, nil, err
	}
	body := make([]byte, size+sealSize)
	if n, err := f.ReadAt(body, offset+spoolRecordBytes); err != nil && n < len(body) {
		return h, nil, nil, err
	}
	return h, body[:size:size], body[size:], nil
}

func decodeRecordHead(head [spoolRecordBytes]byte) (h object.Hash, size, sealSize int, err error) {
	size = int(binary.BigEndian.Uint32(head[object.HashSize:]))
	sealSize = int(binary.BigEndian.Uint16(head[object.HashSize+4:]))
	if size == 0 || size > store.MaxObjectBytes || sealSize > store.MaxSealBytes {
		return h, 0, 0, errRecord
	}
	return object.Hash(head[:object.HashSize]), size, sealSize, nil
}

// put adds an object whose hash has been checked.
func (s *spool) put(h object.Hash, data, seal []byte) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	size := int64(spoolRecordBytes + len(data) + len(seal))
	if s.bytes+size > s.maxBytes {
		return fmt.Errorf("%w: more than %d MiB", ErrTooLarge, s.maxBytes>>20)
	}
	if s.own == nil {
		if err := s.begin(); err != nil {
			return fmt.Errorf("spool: %w", err)
		}
	}
	if len(s.buf)+int(size) > spoolBufferBytes {
		if err := s.flush(); err != nil {
			return err
		}
	}
	s.index[prefix(h)] = uint64(len(s.files)-1)<<48 | uint64(s.start+int64(len(s.buf)))
	s.buf = append(s.buf, h[:]...)
	s.buf = binary.BigEndian.AppendUint32(s.buf, uint32(len(data)))
	s.buf = binary.BigEndian.AppendUint16(s.buf, uint16(len(seal)))
	s.buf = append(append(s.buf, data...), seal...)
	s.bytes += size
	return nil
}

// begin makes our own file.
func (s *spool) begin() error {
	var name [8]byte
	_, _ = rand.Read(name[:]) // it never fails
	f, err := s.fs.OpenFile(hex.EncodeToString(name[:])+spoolSuffix, os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	s.own, s.files = f, append(s.files, f)
	s.buf = make([]byte, 0, spoolBufferBytes)
	return nil
}

func (s *spool) flush() error {
	n, err := s.own.Write(s.buf)
	if err != nil {
		// What the file holds now is not what the index says: nothing more may follow.
		s.maxBytes = 0
		return fmt.Errorf("spool: %w", err)
	}
	s.start += int64(n)
	s.buf = s.buf[:0]
	return nil
}

// get returns an object and its seal, or store.ErrNotFound. The bytes are the caller's.
// They are those that were put, but for what the machine or somebody else has done to the
// file: whoever relies on them checks the hash.
func (s *spool) get(ctx context.Context, h object.Hash) (data, seal []byte, err error) {
	if err := ctx.Err(); err != nil {
		return nil, nil, err
	}
	s.mu.Lock()
	place, ok := s.index[prefix(h)]
	var f io.ReaderAt
	offset := int64(place & (1<<48 - 1))
	if ok {
		f = s.files[place>>48]
		if f == s.own && offset >= s.start {
			if err := s.flush(); err != nil {
				s.mu.Unlock()
				return nil, nil, err
			}
		}
	}
	s.mu.Unlock()
	if !ok {
		return nil, nil, fmt.Errorf("%s: %w", h, store.ErrNotFound)
	}
	found, data, seal, err := readRecord(f, offset)
	if err == nil && found != h {
		err = errRecord
	}
	if err != nil {
		return nil, nil, fmt.Errorf("%s: %w: %w", h, store.ErrNotFound, err)
	}
	return data, seal, nil
}

func (s *spool) has(h object.Hash) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	_, ok := s.index[prefix(h)]
	return ok
}

// close releases the files, which stay for the next transfer if they are to be kept.
func (s *spool) close(keep bool) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	var err error
	if keep && s.own != nil && s.maxBytes > 0 {
		err = s.flush()
	}
	for _, f := range s.files {
		name := f.Name()
		err = errors.Join(err, f.Close())
		if keep {
			continue
		}
		if removed := s.fs.Remove(baseName(name)); !errors.Is(removed, os.ErrNotExist) {
			err = errors.Join(err, removed)
		}
	}
	s.files, s.own, s.index = nil, nil, map[uint64]uint64{}
	return err
}

// baseName is the last part of a name: some filesystems name files by whole paths.
func baseName(name string) string {
	if i := strings.LastIndexAny(name, "/\\"); i >= 0 {
		return name[i+1:]
	}
	return name
}
