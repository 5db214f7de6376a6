package branch

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"path"

	"github.com/go-git/go-billy/v5"

	"aergo/dtt"
	"aergo/repo/object"
)

// Journal keeps the pool of one branch in files of its own folder. The highest number is
// the current file. A file is a run of frames: length (4 bytes, big-endian), CRC-32C of
// the payload (4 bytes), payload. The payload is a canonical array that begins with what
// it is:
//
//	[0, base hash]                            the file begins, on that head
//	[1, [name...], [transaction bytes...]]    names join the open chunk's dictionary, transactions follow
//	[2, chunk hash, count]                    a chunk in the store; the open chunk is empty again
//	[3, count, state, tree, runs, receipts]   the first count transactions, executed on base
//	[4, base hash]                            what is pending moves to another head
//	[5, batch, block]                         everything so far is in that block
//
// A torn tail is a write that never succeeded and is ignored; it is cut off by the next.
type Journal struct {
	fs     billy.Filesystem
	folder string
}

// ErrDamaged is wrapped when a journal holds what no writer wrote.
var ErrDamaged = errors.New("damaged pool")

const (
	frameStart, frameAdd, frameChunk, frameDone, frameMove, frameSealed = 0, 1, 2, 3, 4, 5

	maxFrameBytes = 8 << 20
)

// NewJournal returns the journal in a folder, which need not exist.
func NewJournal(fs billy.Filesystem, folder string) *Journal { return &Journal{fs: fs, folder: folder} }

// Place is a point in a journal that can be gone back to. The zero Place is the empty pool.
type Place struct {
	File        uint64 `json:"file"`
	LengthBytes int64  `json:"length"`
}

// Sealed is the block that a journal's transactions went into.
type Sealed struct{ Batch, Block object.Hash }

// Contents is what a journal holds.
type Contents struct {
	Pending *Pending // nil if there is no file
	Sealed  *Sealed  // the last thing it says, if that is where its transactions went
	Place   Place
}

func (j *Journal) name(n uint64) string { return path.Join(j.folder, fmt.Sprintf("%08d", n)) }

// current returns the number of the newest file, 0 if there is none.
func (j *Journal) current() (uint64, error) {
	files, err := j.Files()
	if err != nil || len(files) == 0 {
		return 0, err
	}
	return files[len(files)-1], nil
}

// Load reads the current file.
func (j *Journal) Load() (Contents, error) {
	n, err := j.current()
	if err != nil || n == 0 {
		return Contents{}, err
	}
	c, err := j.load(n)
	if err != nil {
		return Contents{}, fmt.Errorf("%s: %w", j.name(n), err)
	}
	return c, nil
}

func (j *Journal) load(n uint64) (Contents, error) {
	data, err := j.read(n)
	if err != nil {
		return Contents{}, err
	}
	return parse(n, data)
}

// parse reads the frames of a file, up to a torn tail.
func parse(file uint64, data []byte) (Contents, error) {
	c := Contents{Place: Place{File: file}}
	for {
		payload, size := nextFrame(data[c.Place.LengthBytes:])
		if payload == nil {
			return c, nil
		}
		if err := c.take(payload); err != nil {
			return Contents{}, fmt.Errorf("%w at byte %d: %w", ErrDamaged, c.Place.LengthBytes, err)
		}
		c.Place.LengthBytes += int64(size)
	}
}

func (j *Journal) read(n uint64) ([]byte, error) {
	f, err := j.fs.Open(j.name(n))
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return io.ReadAll(f)
}

// nextFrame returns the payload of the first frame, nil at the end or at a torn tail.
func nextFrame(data []byte) (payload []byte, size int) {
	if len(data) < 8 {
		return nil, 0
	}
	n := binary.BigEndian.Uint32(data)
	if n > maxFrameBytes || int(n) > len(data)-8 {
		return nil, 0
	}
	payload = data[8 : 8+n]
	if crc32.Checksum(payload, crc32.MakeTable(crc32.Castagnoli)) != binary.BigEndian.Uint32(data[4:]) {
		return nil, 0
	}
	return payload, 8 + int(n)
}

func appendFrame(dst, payload []byte) []byte {
	dst = binary.BigEndian.AppendUint32(dst, uint32(len(payload)))
	dst = binary.BigEndian.AppendUint32(dst, crc32.Checksum(payload, crc32.MakeTable(crc32.Castagnoli)))
	return append(dst, payload...)
}

// take applies one frame.
func (c *Contents) take(payload []byte) error {
	r := object.NewReader(payload)
	n := r.Array(8)
	kind := r.UintMax(frameSealed)
	if r.Err() == nil && (kind == frameStart) != (c.Pending == nil) {
		r.Fail("frame %d out of place", kind)
	}
	if r.Err() != nil {
		return r.Err()
	}
	c.Sealed = nil
	switch p := c.Pending; kind {
	case frameStart:
		c.Pending = &Pending{Base: r.Hash(), Open: object.NewChunkBuilder()}
	case frameAdd:
		takeAdd(r, p)
	case frameChunk:
		p.Closed = append(p.Closed, object.ChunkRef{Hash: r.Hash(), Count: r.Uint()})
		p.Open.Reset()
	case frameDone:
		takeDone(r, &p.Done)
	case frameMove:
		p.Base, p.Done = r.Hash(), Done{}
	case frameSealed:
		c.Sealed = &Sealed{Batch: r.Hash(), Block: r.Hash()}
	}
	if want := [...]int{2, 3, 3, 6, 2, 3}[kind]; r.Err() == nil && n != want {
		r.Fail("frame %d of %d elements", kind, n)
	}
	return r.End()
}

func takeAdd(r *object.Reader, p *Pending) {
	for n := r.Array(object.MaxChunkNames); n > 0 && r.Err() == nil; n-- {
		p.Open.Name(r.Text(object.MaxNameBytes))
	}
	for n := r.Array(object.MaxSizeBytes); n > 0 && r.Err() == nil; n-- {
		if err := p.Open.AddEncoded(r.Bytes(object.MaxSizeBytes)); err != nil {
			r.Fail("%v", err)
		}
	}
}

func takeDone(r *object.Reader, d *Done) {
	*d = Done{Count: r.Uint(), State: r.Hash()}
	tree, err := dtt.Decode(r.Bytes(maxFrameBytes))
	if err != nil {
		r.Fail("%v", err)
	}
	d.Tree, d.Runs = tree, r.Runs()
	receipts, err := object.DecodeReceipts(r.Bytes(maxFrameBytes))
	if err != nil {
		r.Fail("%v", err)
		return
	}
	d.Receipts = *receipts
}
