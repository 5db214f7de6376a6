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
// the payload (4 bytes), payload. A frame is one change of the pool, and a file begins in
// one piece, so that a change is there as a whole or not at all. The payload is a
// canonical array of records, each an array that begins with what it is:
//
//	[0, base hash]                            the file begins, on that head
//	[1, [name...], [transaction bytes...]]    names join the open chunk's dictionary, transactions follow
//	[2, chunk hash, count]                    a chunk in the store; the open chunk is empty again
//	[3, count, state, tree, runs, receipts]   the first count transactions, executed on base
//	[4, base hash]                            what is pending moves to another head
//	[5, batch, block]                         everything so far is in that block
//
// A torn tail is a write that never succeeded and is ignored; it is cut off by the next.
// A frame that cannot be read with another one behind it is damage.
type Journal struct {
	fs     billy.Filesystem
	folder string
}

// ErrDamaged is wrapped when a journal holds what no writer wrote.
var ErrDamaged = errors.New("damaged pool")

const (
	recordStart, recordAdd, recordChunk, recordDone, recordMove, recordSealed = 0, 1, 2, 3, 4, 5

	frameHeadBytes = 8
	maxFrameBytes  = 64 << 20
	maxRecords     = object.MaxChunks + 8 // of a frame
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

// parse reads the content of a file up to its end or a torn tail.
func parse(file uint64, data []byte) (Contents, error) {
	c := Contents{Place: Place{File: file}}
	for {
		rest := data[c.Place.LengthBytes:]
		payload, size := nextFrame(rest)
		if payload == nil {
			if hidesFrame(rest) {
				return Contents{}, fmt.Errorf("%w at byte %d: a frame cannot be read, and others follow", ErrDamaged, c.Place.LengthBytes)
			}
			return c, nil
		}
		if err := c.take(payload); err != nil {
			return Contents{}, fmt.Errorf("%w at byte %d: %w", ErrDamaged, c.Place.LengthBytes, err)
		}
		c.Place.LengthBytes += int64(size)
	}
}

// hidesFrame says whether a whole frame begins anywhere after the first byte.
func hidesFrame(data []byte) bool {
	for i := 1; i < len(data)-frameHeadBytes; i++ {
		// A payload begins with an array, which spares most checksums.
		if data[i+frameHeadBytes]&majorArray != majorArray {
			continue
		}
		if payload, _ := nextFrame(data[i:]); payload != nil {
			return true
		}
	}
	return false
}

// majorArray marks the first byte of an encoded array.
const majorArray = 0x80

func (j *Journal) read(n uint64) ([]byte, error) {
	f, err := j.fs.Open(j.name(n))
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return io.ReadAll(f)
}

// nextFrame returns the payload of the first frame, nil at the end or if it is not whole.
func nextFrame(data []byte) (payload []byte, size int) {
	if len(data) < frameHeadBytes {
		return nil, 0
	}
	n := binary.BigEndian.Uint32(data)
	if n == 0 || n > maxFrameBytes || int(n) > len(data)-frameHeadBytes {
		return nil, 0
	}
	payload = data[frameHeadBytes : frameHeadBytes+n]
	if crc32.Checksum(payload, crc32.MakeTable(crc32.Castagnoli)) != binary.BigEndian.Uint32(data[4:]) {
		return nil, 0
	}
	return payload, frameHeadBytes + int(n)
}

func appendFrame(dst, payload []byte) []byte {
	dst = binary.BigEndian.AppendUint32(dst, uint32(len(payload)))
	dst = binary.BigEndian.AppendUint32(dst, crc32.Checksum(payload, crc32.MakeTable(crc32.Castagnoli)))
	return append(dst, payload...)
}

// take applies one frame.
func (c *Contents) take(payload []byte) error {
	r := object.NewReader(payload)
	n := r.Array(maxRecords)
	if r.Err() == nil && n == 0 {
		r.Fail("frame without records")
	}
	for ; n > 0 && r.Err() == nil; n-- {
		c.record(r)
	}
	return r.End()
}

// record applies one record of a frame.
func (c *Contents) record(r *object.Reader) {
	n := r.Array(8)
	kind := r.UintMax(recordSealed)
	if r.Err() == nil && (kind == recordStart) != (c.Pending == nil) {
		r.Fail("record %d out of place", kind)
	}
	if want := [...]int{2, 3, 3, 6, 2, 3}[kind]; r.Err() == nil && n != want {
		r.Fail("record %d of %d elements", kind, n)
	}
	if r.Err() != nil {
		return
	}
	c.Sealed = nil
	switch p := c.Pending; kind {
	case recordStart:
		c.Pending = &Pending{Base: r.Hash(), Open: object.NewChunkBuilder()}
	case recordAdd:
		takeAdd(r, p)
	case recordChunk:
		p.Closed = append(p.Closed, object.ChunkRef{Hash: r.Hash(), Count: r.UintMax(object.MaxSizeBytes)})
		p.Open.Reset()
	case recordDone:
		takeDone(r, p)
	case recordMove:
		p.Base, p.Done = r.Hash(), Done{}
	case recordSealed:
		c.Sealed = &Sealed{Batch: r.Hash(), Block: r.Hash()}
	}
}

func takeAdd(r *object.Reader, p *Pending) {
	for n := r.Array(object.MaxChunkNames); n > 0 && r.Err() == nil; n-- {
		names := len(p.Open.Names())
		if p.Open.Name(r.Text(object.MaxNameBytes)) != names {
			r.Fail("a name joins the dictionary twice")
		}
	}
	for n := r.Array(object.MaxSizeBytes); n > 0 && r.Err() == nil; n-- {
		if err := p.Open.AddEncoded(r.Bytes(object.MaxSizeBytes)); err != nil {
			r.Fail("%v", err)
		}
	}
}

func takeDone(r *object.Reader, p *Pending) {
	d := Done{Count: r.Uint(), State: r.Hash()}
	tree, err := dtt.Decode(r.Bytes(maxFrameBytes))
	if r.Err() == nil && err != nil {
		r.Fail("%v", err)
	}
	d.Tree, d.Runs = tree, r.Runs()
	receipts, err := object.DecodeReceipts(r.Bytes(maxFrameBytes))
	if r.Err() == nil && err != nil {
		r.Fail("%v", err)
	}
	if r.Err() != nil {
		return
	}
	d.Receipts = *receipts
	received := uint64(0)
	for i := range d.Receipts.Runs {
		received += d.Receipts.Runs[i].Count
	}
	if d.Count > p.Count() || d.Count != uint64(d.Tree.Len()) || d.Count != CountRuns(d.Runs) || d.Count != received {
		r.Fail("%d transactions are said to be executed, %d are pending", d.Count, p.Count())
		return
	}
	p.Done = d
}
