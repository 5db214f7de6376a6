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
// Sizes are big-endian. An object that came as a zstd frame of its own stays one: then the seal's
// size is packedFlag, and the size is that of what follows, the plain size (4) and the frame. What does not hold, at the end of a file that a crash has cut or
// anywhere else, ends the file for a reader.
const (
	spoolSuffix      = ".spool"
	spoolRecordBytes = object.HashSize + 6
	spoolBufferBytes = 1 << 20

	packedFlag = 1 << 15
	// packedHeadBytes is the length of the plain size before a frame.
	packedHeadBytes = 4
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
	codec    *codec

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
func openSpool(fs billy.Filesystem, maxBytes int64, c *codec) (*spool, error) {
	s := &spool{fs: fs, maxBytes: maxBytes, codec: c, index: map[uint64]uint64{}}
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
		r, err := readRecord(f, offset)
		if err != nil {
			break
		}
		if data, err := s.plain(r); err != nil || object.Sum(data) != r.hash {
			break
		}
		s.index[prefix(r.hash)] = number<<48 | uint64(offset)
		offset += int64(spoolRecordBytes + len(r.body) + len(r.seal))
	}
	s.bytes += offset
}

func prefix(h object.Hash) uint64 { return binary.BigEndian.Uint64(h[:]) }

// errRecord says that no record is where one was looked for.
var errRecord = errors.New("no record of a spool")

// record is an object in a spool.
type record struct {
	hash object.Hash
	// body is the object, or its plain size and its zstd frame.
	body, seal []byte
	packed     bool
}

func readRecord(f io.ReaderAt, offset int64) (record, error) {
	var head [spoolRecordBytes]byte
	if _, err := f.ReadAt(head[:], offset); err != nil {
		return record{}, err
	}
	r := record{hash: object.Hash(head[:object.HashSize])}
	size := int(binary.BigEndian.Uint32(head[object.HashSize:]))
	sealSize := int(binary.BigEndian.Uint16(head[object.HashSize+4:]))
	if sealSize == packedFlag {
		r.packed, sealSize = true, 0
	}
	if size == 0 || size > store.MaxObjectBytes || sealSize > store.MaxSealBytes || r.packed && size <= packedHeadBytes {
		return record{}, errRecord
	}
	body := make([]byte, size+sealSize)
	if n, err := f.ReadAt(body, offset+spoolRecordBytes); err != nil && n < len(body) {
		return record{}, err
	}
	r.body, r.seal = body[:size:size], body[size:]
	return r, nil
}

// frame returns the zstd frame of a packed record, and the plain size that it states.
func (r record) frame() (zstd []byte, sizeBytes int) {
	return r.body[packedHeadBytes:], int(binary.BigEndian.Uint32(r.body))
}

// plain returns the object of a record.
func (s *spool) plain(r record) ([]byte, error) {
	if !r.packed {
		return r.body, nil
	}
	zstd, sizeBytes := r.frame()
	if sizeBytes > store.MaxObjectBytes {
		return nil, errRecord
	}
	return s.codec.unpack(&objects{Codec: codecZstd, PlainBytes: uint64(sizeBytes), Stored: zstd}, nil)
}

// put adds an object whose hash has been checked.
func (s *spool) put(h object.Hash, r reply) error {
	if len(r.zstd) > 0 && packedHeadBytes+len(r.zstd) < len(r.data) && len(r.seal) == 0 {
		head := binary.BigEndian.AppendUint32(nil, uint32(len(r.data)))
		return s.add(h, len(r.data), packedHeadBytes+len(r.zstd), packedFlag, head, r.zstd)
	}
	return s.add(h, len(r.data)+len(r.seal), len(r.data), len(r.seal), r.data, r.seal)
}

// add adds a record, whose sizes are as they are written, and whose contents are in two parts. It
// counts as so many bytes.
func (s *spool) add(h object.Hash, counted, size, sealSize int, parts ...[]byte) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	counted += spoolRecordBytes
	if s.bytes+int64(counted) > s.maxBytes {
		return fmt.Errorf("%w: more than %d MiB", ErrTooLarge, s.maxBytes>>20)
	}
	if s.own == nil {
		if err := s.begin(); err != nil {
			return fmt.Errorf("spool: %w", err)
		}
	}
	if len(s.buf)+counted > spoolBufferBytes {
		if err := s.flush(); err != nil {
			return err
		}
	}
	s.index[prefix(h)] = uint64(len(s.files)-1)<<48 | uint64(s.start+int64(len(s.buf)))
	s.buf = append(s.buf, h[:]...)
	s.buf = binary.BigEndian.AppendUint32(s.buf, uint32(size))
	s.buf = binary.BigEndian.AppendUint16(s.buf, uint16(sealSize))
	for _, part := range parts {
		s.buf = append(s.buf, part...)
	}
	s.bytes += int64(counted)
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
	r, err := s.read(ctx, h)
	if err != nil {
		return nil, nil, err
	}
	if data, err = s.plain(r); err != nil {
		return nil, nil, fmt.Errorf("%s: %w: %w", h, store.ErrNotFound, err)
	}
	return data, r.seal, nil
}

// packed returns an object as the zstd frame that it came as, and its plain size; nil if it did
// not.
func (s *spool) packed(ctx context.Context, h object.Hash) (zstd []byte, sizeBytes int) {
	if r, err := s.read(ctx, h); err == nil && r.packed {
		return r.frame()
	}
	return nil, 0
}

func (s *spool) read(ctx context.Context, h object.Hash) (record, error) {
	if err := ctx.Err(); err != nil {
		return record{}, err
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
				return record{}, err
			}
		}
	}
	s.mu.Unlock()
	if !ok {
		return record{}, fmt.Errorf("%s: %w", h, store.ErrNotFound)
	}
	r, err := readRecord(f, offset)
	if err == nil && r.hash != h {
		err = errRecord
	}
	if err != nil {
		return record{}, fmt.Errorf("%s: %w: %w", h, store.ErrNotFound, err)
	}
	return r, nil
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
