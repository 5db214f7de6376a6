package store

import (
	"bytes"
	"encoding/binary"
	"errors"
	"hash/crc32"
	"slices"

	"github.com/go-git/go-billy/v5"
)

// Scanning reads a pack that has no index: the headers and directories of its frames, and
// the commit records between them. Payloads are skipped, except those of the last group
// of an unsealed pack, which a crash may have torn.
//
// A group counts once its commit record is there. What follows the last one is a torn
// tail, or the work of a writer at this moment. It is damage if a commit record of a later
// group lies behind it: that group was only begun when what comes before was durable.

// scannedFrame is a frame as its header and directory describe it.
type scannedFrame struct {
	offset  int64
	bytes   int
	entries []dirEntry
}

// scanned is what a scan found.
type scanned struct {
	salt   salt
	frames []scannedFrame
	end    int64             // offset behind the last group that counts; 0 if the header is bad
	last   [commitBytes]byte // the commit record before end, if there is one
	damage []*CorruptError   // of the structure, in order
	sums   []*CorruptError   // commit records that do not match the checksums before them
}

// window reads a file forwards in pieces.
type window struct {
	dir   *folder
	file  billy.File
	size  int64
	start int64
	buf   []byte
}

const windowBytes = 128 << 10

// at returns n bytes at offset, or fewer at the end of the file. They are valid until the
// next call.
func (w *window) at(offset int64, n int) ([]byte, error) {
	if offset > w.size {
		return nil, nil
	}
	if left := w.size - offset; int64(n) > left {
		n = int(left)
	}
	if offset < w.start || offset+int64(n) > w.start+int64(len(w.buf)) {
		want := int64(max(n, windowBytes))
		if left := w.size - offset; want > left {
			want = left
		}
		if int64(cap(w.buf)) < want {
			w.buf = make([]byte, want)
		}
		w.start, w.buf = offset, w.buf[:want]
		if err := w.dir.readAt(w.file, w.buf, offset); err != nil {
			w.buf = w.buf[:0]
			return nil, err
		}
	}
	from := offset - w.start
	return w.buf[from : from+int64(n)], nil
}

// rest returns what the window holds from offset on: at least a commit record's length,
// unless the file ends before.
func (w *window) rest(offset int64) ([]byte, error) {
	if b, err := w.at(offset, commitBytes); err != nil || len(b) < commitBytes {
		return b, err
	}
	return w.buf[offset-w.start:], nil
}

// scanner is the state of a scan.
type scanner struct {
	window
	name   string
	sealed bool // a later pack or an index exists: all of it was once durable
	scanned

	pos   int64
	group group
}

// group is the run of frames since the last commit record.
type group struct {
	start int64
	first int // its first frame in scanned.frames
	sums  uint32
}

// newScan begins a scan at the start of a pack.
func newScan(dir *folder, file billy.File, p *pack, size int64, sealed bool) *scanner {
	return &scanner{window: window{dir: dir, file: file, size: size}, name: p.name, sealed: sealed}
}

// run scans the whole pack. Its error is one of reading; damage is in the result.
func (s *scanner) run(number uint32) error {
	head, err := s.at(0, packHeaderBytes)
	if err != nil {
		return err
	}
	if s.salt, err = decodePackHeader(head, number); err != nil {
		// The header is durable before anything follows it.
		if s.sealed || s.size > packHeaderBytes {
			s.blame(0, err.Error())
		}
		return nil
	}
	return s.runFrom(packHeaderBytes)
}

// runFrom scans from the boundary of a group.
func (s *scanner) runFrom(start int64) error {
	s.pos, s.end = start, start
	s.group = group{start: start, first: len(s.frames)}
	lastGroup := s.group
	for s.pos < s.size {
		before := s.group
		bad, err := s.record()
		if err != nil {
			return err
		}
		if bad != nil {
			goOn, err := s.badRecord(bad)
			if err != nil || !goOn {
				return errors.Join(err, s.finish(lastGroup))
			}
			continue
		}
		if s.group.start != before.start {
			lastGroup = before
		}
	}
	if s.pos > s.group.start && s.sealed {
		s.blame(s.pos, "pack ends without a commit record")
		return nil
	}
	return s.finish(lastGroup)
}

// record reads the frame or the commit record at pos. The first error is what is wrong
// with it, the second one of reading.
func (s *scanner) record() (bad, err error) {
	b, err := s.at(s.pos, commitBytes)
	if err != nil {
		return nil, err
	}
	if len(b) >= 4 && string(b[:4]) == commitMagic {
		return s.commit(b), nil
	}
	f, bad := decodeFrameHeader(b)
	if bad != nil {
		return bad, nil
	}
	if b, err = s.at(s.pos, f.headBytes()); err != nil {
		return nil, err
	}
	entries, bad := decodeDirectory(f, b)
	if bad != nil {
		return bad, nil
	}
	end := s.pos + int64(f.frameBytes())
	if end > s.size {
		return errors.New("file ends inside a frame"), nil
	}
	sum, err := s.at(end-checksumBytes, checksumBytes)
	if err != nil {
		return nil, err
	}
	s.group.sums = crc32.Update(s.group.sums, castagnoli(), sum)
	s.frames = append(s.frames, scannedFrame{s.pos, f.frameBytes(), entries})
	s.pos = end
	return nil, nil
}

func (s *scanner) commit(b []byte) error {
	c, err := decodeCommit(b, s.pos, s.salt)
	if err != nil {
		return err
	}
	if c.groupStart != s.group.start || int(c.frames) != len(s.frames)-s.group.first {
		return errors.New("commit record does not fit the frames before it")
	}
	// A mismatch is a torn group at the end of the pack; in a group before that, the one
	// bad frame is found by whoever reads it, and the others are good.
	if c.sums != s.group.sums {
		s.sums = append(s.sums, &CorruptError{File: s.name, Offset: s.pos, Reason: "commit record does not match the checksums of its frames"})
	}
	copy(s.last[:], b)
	s.pos += commitBytes
	s.end = s.pos
	s.group = group{start: s.pos, first: len(s.frames)}
	return nil
}

// badRecord decides what a bad record at pos is. It says whether to go on.
func (s *scanner) badRecord(bad error) (bool, error) {
	next, err := s.laterGroup(s.pos)
	if err != nil {
		return false, err
	}
	if next == 0 && !s.sealed {
		return false, nil
	}
	s.blame(s.pos, bad.Error())
	s.pos = next
	s.group = group{start: next, first: len(s.frames)}
	return next != 0, nil
}

func (s *scanner) blame(offset int64, reason string) {
	s.damage = append(s.damage, &CorruptError{File: s.name, Offset: offset, Reason: reason})
}

// laterGroup looks behind offset for a commit record of a group that begins behind it,
// and returns where the group begins, or 0.
func (s *scanner) laterGroup(offset int64) (int64, error) {
	for at := offset; at+commitBytes <= s.size; {
		b, err := s.rest(at)
		if err != nil {
			return 0, err
		}
		i := bytes.Index(b, []byte(commitMagic))
		if i < 0 {
			at += int64(len(b) - len(commitMagic) + 1)
			continue
		}
		at += int64(i)
		if b, err = s.at(at, commitBytes); err != nil {
			return 0, err
		}
		if c, err := decodeCommit(b, at, s.salt); err == nil && c.groupStart > max(offset, s.group.start) {
			return c.groupStart, nil
		}
		at++
	}
	return 0, nil
}

// finish drops the frames behind the last commit record, and the last group itself if it
// is torn.
func (s *scanner) finish(last group) error {
	if s.sealed {
		return nil
	}
	s.frames = s.frames[:s.group.first]
	if len(s.damage) > 0 || last.start == s.group.start {
		return nil
	}
	sums := uint32(0)
	for _, f := range s.frames[last.first:] {
		b, err := s.at(f.offset, f.bytes)
		if err != nil {
			return err
		}
		if !frameChecksumMatches(b) {
			return s.drop(last)
		}
		sums = crc32.Update(sums, castagnoli(), b[len(b)-checksumBytes:])
	}
	if sums != binary.BigEndian.Uint32(s.last[24:]) {
		return s.drop(last)
	}
	return nil
}

// drop forgets the last group, and finds the commit record before it.
func (s *scanner) drop(last group) error {
	s.frames = s.frames[:last.first]
	s.sums = slices.DeleteFunc(s.sums, func(e *CorruptError) bool { return e.Offset > last.start })
	s.end = last.start
	s.last = [commitBytes]byte{}
	if last.start == packHeaderBytes {
		return nil
	}
	b, err := s.at(last.start-commitBytes, commitBytes)
	copy(s.last[:], b)
	return err
}
