package store

import (
	"bytes"
	"encoding/binary"
	"testing"

	"aergo/repo/object"
	"aergo/repo/store/faultfs"
)

// FuzzFrameHead: a header and directory that are accepted encode to the same bytes.
func FuzzFrameHead(f *testing.F) {
	entries := []dirEntry{{object.Sum([]byte("a")), object.KindBlob, 1, 3}, {object.Sum([]byte("b")), object.KindTag, 7, 0}}
	frame := appendFrame(nil, codecRaw, entries, 11, make([]byte, 11))
	f.Add(frame[:frameHeaderBytes+2*dirEntryBytes])
	f.Add(frame)
	f.Add([]byte(frameMagic))
	f.Fuzz(func(t *testing.T, b []byte) {
		head, err := decodeFrameHeader(b)
		if err != nil || len(b) < head.headBytes() {
			return
		}
		b = b[:head.headBytes()]
		// Make the checksum right, so that what it covers is tested.
		binary.BigEndian.PutUint32(b[16:], headChecksum(b))
		head.sum = headChecksum(b)
		entries, err := decodeDirectory(head, b)
		if err != nil {
			return
		}
		again := appendFrame(nil, head.codec, entries, head.plainBytes, make([]byte, head.storedBytes))
		if !bytes.Equal(again[:len(b)], b) {
			t.Fatalf("%x decodes, but encodes to %x", b, again[:len(b)])
		}
	})
}

// FuzzFrame: a whole frame that is accepted has the sizes that it states.
func FuzzFrame(f *testing.F) {
	c := newCodec(false)
	plain := bytes.Repeat([]byte("row "), 300)
	entries := []dirEntry{{object.Sum(plain[:1000]), object.KindStateNode, 1000, 0}, {object.Sum(plain[1000:]), object.KindTag, 150, 50}}
	for _, quick := range []bool{false, true} {
		how, stored, err := newCodec(quick).compress(plain, nil)
		check(f, err)
		f.Add(appendFrame(nil, how, entries, len(plain), stored))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		if head, err := decodeFrameHeader(b); err == nil && len(b) == head.frameBytes() {
			binary.BigEndian.PutUint32(b[16:], headChecksum(b[:head.headBytes()]))
			binary.BigEndian.PutUint32(b[len(b)-4:], checksum(b[:len(b)-4]))
		}
		frame, err := c.decodeFrame(b)
		if err != nil {
			return
		}
		total := 0
		for i := range frame.objects {
			total += len(frame.data(i)) + len(frame.seal(i))
			frame.verify(i)
		}
		if total != len(frame.plain) {
			t.Fatalf("objects and seals have %d bytes, the payload %d", total, len(frame.plain))
		}
	})
}

// FuzzIndex: an index that is accepted is what newTable makes of its contents.
func FuzzIndex(f *testing.F) {
	objects := growing{}
	for i := range 9 {
		objects[object.Sum([]byte{byte(i)})] = entry{uint32(i % 2), uint16(i), object.KindBlob, 5, 64}
	}
	f.Add(newTable(3, salt{1}, 5000, []extent{{24, 300}, {400, 500}}, objects.all()).raw)
	f.Add(newTable(1, salt{}, packHeaderBytes, nil, nil).raw)
	f.Fuzz(func(t *testing.T, b []byte) {
		if len(b) > 4 {
			binary.BigEndian.PutUint32(b[len(b)-4:], checksum(b[:len(b)-4]))
		}
		table, err := decodeTable(b)
		if err != nil {
			return
		}
		var extents []extent
		for i := range table.frames() {
			extents = append(extents, table.extent(i))
		}
		objects := growing{}
		low, high, _ := prefixRange("")
		table.scan(low, high, func(h object.Hash, e entry) bool {
			objects[h] = e
			if found, ok := table.find(h); !ok || found != e {
				t.Fatalf("find(%s) = %+v, %v", h, found, ok)
			}
			return true
		})
		if again := newTable(table.number, table.salt, table.packSize, extents, objects.all()); !bytes.Equal(again.raw, b) {
			t.Fatalf("%x decodes, but encodes to %x", b, again.raw)
		}
	})
}

// FuzzCommitRecord: a record that is accepted encodes to the same bytes.
func FuzzCommitRecord(f *testing.F) {
	f.Add(appendCommit(nil, commitRecord{3, 24, 500, 77}, salt{}), int64(500))
	f.Fuzz(func(t *testing.T, b []byte, offset int64) {
		if len(b) < commitBytes {
			return
		}
		b = b[:commitBytes]
		binary.BigEndian.PutUint32(b[28:], saltedChecksum(b[:28], salt{9}))
		c, err := decodeCommit(b, offset, salt{9})
		if err != nil {
			return
		}
		if again := appendCommit(nil, c, salt{9}); !bytes.Equal(again, b) {
			t.Fatalf("%x decodes, but encodes to %x", b, again)
		}
	})
}

// FuzzPack: a store over any file does not panic, and serves only what matches its hash.
func FuzzPack(f *testing.F) {
	fs := faultfs.New()
	d := mustOpen(f, fs, Options{FrameBytes: 100})
	for i := range 3 {
		w := begin(f, d)
		for j := range 4 {
			o := sampleObject{object.KindBlob, bytes.Repeat([]byte{byte(i), byte(j)}, 30), []byte("seal")}
			put(f, w, o)
		}
		check(f, w.Commit(bg))
	}
	check(f, d.Close())
	pack := contents(f, fs)[packName(1)]
	f.Add(pack)
	f.Add(pack[:len(pack)-40])
	f.Add(append(bytes.Clone(pack), pack[packHeaderBytes:]...))
	f.Fuzz(func(t *testing.T, b []byte) {
		fs := faultfs.New()
		writeFile(t, fs, packName(1), b)
		d := mustOpen(t, fs, Options{})
		_ = d.Each(bg, func(i Info) error {
			if data, err := d.Get(bg, i.Hash); err == nil && object.Sum(data) != i.Hash {
				t.Fatalf("Get(%s) serves other bytes", i.Hash)
			}
			return nil
		})
		problems(t, d)
		if w, err := d.Begin(bg); err == nil {
			put(t, w, sampleObject{object.KindTag, []byte("new"), nil})
			check(t, w.Commit(bg))
		}
		check(t, d.Close())
	})
}
