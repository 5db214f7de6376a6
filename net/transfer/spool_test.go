package transfer

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"testing"

	"github.com/go-git/go-billy/v5"
	"github.com/go-git/go-billy/v5/osfs"
	"github.com/go-git/go-billy/v5/util"

	"aergo/repo/object"
	"aergo/repo/store"
	"aergo/repo/store/faultfs"
)

const gigabyte = 1 << 30

func openTest(t testing.TB, fs billy.Filesystem, maxBytes int64) *spool {
	t.Helper()
	c, err := newCodec()
	must(t, err)
	s, err := openSpool(fs, maxBytes, c)
	must(t, err)
	return s
}

// item is an object and a seal for tests.
func item(i int) (h object.Hash, data, seal []byte) {
	data = bytes.Repeat(fmt.Appendf(nil, "object %d;", i), 1+i*37%2000)
	if i%3 == 0 {
		seal = fmt.Appendf(nil, "seal %d", i)
	}
	return object.Sum(data), data, seal
}

func wantItems(t *testing.T, s *spool, from, to int) {
	t.Helper()
	for i := from; i < to; i++ {
		h, data, seal := item(i)
		gotData, gotSeal, err := s.get(t.Context(), h)
		if err != nil || !s.has(h) || !bytes.Equal(gotData, data) || !bytes.Equal(gotSeal, seal) {
			t.Fatalf("item %d: %v", i, err)
		}
	}
}

func onEveryFS(t *testing.T, test func(t *testing.T, fs billy.Filesystem)) {
	t.Run("memory", func(t *testing.T) { test(t, faultfs.New()) })
	t.Run("disk", func(t *testing.T) { test(t, osfs.New(t.TempDir(), osfs.WithBoundOS())) })
}

func TestSpoolKeeps(t *testing.T) {
	onEveryFS(t, func(t *testing.T, fs billy.Filesystem) {
		s := openTest(t, fs, gigabyte)
		for i := range 300 {
			h, data, seal := item(i)
			must(t, s.put(h, reply{data: data, seal: seal}))
			if i%50 == 0 {
				wantItems(t, s, 0, i+1)
			}
		}
		if _, _, err := s.get(t.Context(), object.Sum([]byte("absent"))); !errors.Is(err, store.ErrNotFound) {
			t.Errorf("absent: %v", err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if _, _, err := s.get(ctx, object.Sum(nil)); !errors.Is(err, context.Canceled) {
			t.Errorf("cancelled: %v", err)
		}
		// Another transfer reads it while it is written, and adds to it.
		must(t, s.close(true))
		one, two := openTest(t, fs, gigabyte), openTest(t, fs, gigabyte)
		for i := 300; i < 310; i++ {
			h, data, seal := item(i)
			must(t, one.put(h, reply{data: data, seal: seal}))
			must(t, two.put(h, reply{data: data, seal: seal}))
		}
		wantItems(t, one, 0, 310)
		wantItems(t, two, 0, 310)
		must(t, one.close(true))
		wantItems(t, two, 0, 310)
		must(t, two.close(false))
		last := openTest(t, fs, gigabyte)
		wantItems(t, last, 300, 310) // of the one that was kept
		must(t, last.close(false))
		if infos, err := fs.ReadDir(""); err == nil && len(infos) != 0 {
			t.Errorf("%d files are left", len(infos))
		}
	})
}

// What came as a zstd frame stays one, and what is read of it is the object.
func TestSpoolKeepsFrames(t *testing.T) {
	onEveryFS(t, func(t *testing.T, fs billy.Filesystem) {
		c, err := newCodec()
		must(t, err)
		s := openTest(t, fs, gigabyte)
		packed := 0
		for i := range 100 {
			h, data, _ := item(i)
			r := reply{data: data, zstd: c.encoder.EncodeAll(data, nil)}
			if i%2 == 0 {
				r.seal = []byte("seal") // and then it is kept plain
			}
			must(t, s.put(h, r))
		}
		must(t, s.close(true))
		s = openTest(t, fs, gigabyte)
		for i := range 100 {
			h, data, _ := item(i)
			got, seal, err := s.get(t.Context(), h)
			if err != nil || !bytes.Equal(got, data) || (len(seal) > 0) != (i%2 == 0) {
				t.Fatalf("item %d: seal %q, %v", i, seal, err)
			}
			zstd, size := s.packed(t.Context(), h)
			if zstd == nil {
				continue
			}
			packed++
			plain, err := c.decoder.DecodeAll(zstd, make([]byte, 0, size))
			if err != nil || size != len(data) || !bytes.Equal(plain, data) || i%2 == 0 {
				t.Errorf("item %d: %d bytes, %v", i, size, err)
			}
		}
		if packed < 40 {
			t.Errorf("%d of 50 are packed", packed)
		}
		must(t, s.close(false))
	})
}

func TestSpoolIsBounded(t *testing.T) {
	s := openTest(t, faultfs.New(), 10<<10)
	stored := 0
	for i := range 300 {
		h, data, seal := item(i)
		err := s.put(h, reply{data: data, seal: seal})
		if err == nil {
			stored += len(data)
		} else if !errors.Is(err, ErrTooLarge) {
			t.Fatal(err)
		}
	}
	if stored == 0 || stored > 10<<10 {
		t.Errorf("%d bytes", stored)
	}
	must(t, s.close(false))
}

// What a crash or somebody else has left of a file is used as far as it holds.
func TestDamagedSpool(t *testing.T) {
	fs := faultfs.New()
	s := openTest(t, fs, gigabyte)
	for i := range 20 {
		h, data, seal := item(i)
		must(t, s.put(h, reply{data: data, seal: seal, zstd: s.codec.encoder.EncodeAll(data, nil)}))
	}
	must(t, s.close(true))
	infos, err := fs.ReadDir("")
	must(t, err)
	name := infos[0].Name()
	good, err := util.ReadFile(fs, name)
	must(t, err)
	must(t, util.WriteFile(fs, "stranger", []byte("not a spool"), 0o600))
	for i, bad := range [][]byte{good[:len(good)-1], good[:spoolRecordBytes+3], good[:10], {}, append(bytes.Clone(good), 0xff), flipped(good, len(good)/2), bytes.Repeat([]byte{0xff}, 100)} {
		must(t, util.WriteFile(fs, name, bad, 0o600))
		s := openTest(t, fs, gigabyte)
		for j := range 20 {
			h, data, _ := item(j)
			got, _, err := s.get(t.Context(), h)
			if err == nil && !bytes.Equal(got, data) || err != nil && !errors.Is(err, store.ErrNotFound) {
				t.Errorf("case %d, item %d: %v", i, j, err)
			}
		}
		must(t, s.close(true))
	}
	// Damage under one's hands.
	must(t, util.WriteFile(fs, name, good, 0o600))
	s = openTest(t, fs, gigabyte)
	must(t, util.WriteFile(fs, name, good[:40], 0o600))
	h, _, _ := item(5)
	if _, _, err := s.get(t.Context(), h); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("cut while it is open: %v", err)
	}
	must(t, s.close(false))
	if _, err := fs.Stat("stranger"); err != nil {
		t.Errorf("a stranger's file: %v", err)
	}
}

func flipped(b []byte, at int) []byte {
	b = bytes.Clone(b)
	b[at] ^= 1
	return b
}

// full is a filesystem on which nothing can be written any more.
type full struct{ billy.Filesystem }

type fullFile struct{ billy.File }

func (f full) OpenFile(name string, flag int, mode os.FileMode) (billy.File, error) {
	file, err := f.Filesystem.OpenFile(name, flag, mode)
	return fullFile{file}, err
}

var errFull = errors.New("no space left")

func (f fullFile) Write(b []byte) (int, error) {
	n, _ := f.File.Write(b[:len(b)/2])
	return n, errFull
}

func TestSpoolOnFullDisk(t *testing.T) {
	s := openTest(t, full{faultfs.New()}, gigabyte)
	var err error
	for i := 0; i < 3000 && err == nil; i++ {
		h, data, seal := item(i)
		err = s.put(h, reply{data: data, seal: seal})
	}
	if !errors.Is(err, errFull) {
		t.Fatalf("full: %v", err)
	}
	h, data, _ := item(5000)
	if err := s.put(h, reply{data: data}); err == nil {
		t.Error("it goes on after that")
	}
	must(t, s.close(true))
}

func FuzzSpool(f *testing.F) {
	h, data, seal := item(3)
	s := openTest(f, faultfs.New(), gigabyte)
	must(f, s.put(h, reply{data: data, seal: seal}))
	f.Add(bytes.Clone(s.buf))
	f.Add([]byte{})
	f.Add(append(append(bytes.Clone(s.buf[:object.HashSize]), 0, 0, 0, 9, 0x80, 0), "123456789"...))
	f.Fuzz(func(t *testing.T, file []byte) {
		offset := int64(0)
		for {
			r, err := readRecord(bytes.NewReader(file), offset)
			if err != nil {
				return
			}
			rec := &spool{buf: nil, index: map[uint64]uint64{}, maxBytes: gigabyte, own: nopFile{}, files: []billy.File{nopFile{}}}
			sealSize := len(r.seal)
			if r.packed {
				sealSize = packedFlag
			}
			must(t, rec.add(r.hash, len(r.body)+len(r.seal), len(r.body), sealSize, r.body, r.seal))
			if end := offset + int64(len(rec.buf)); !bytes.Equal(file[offset:end], rec.buf) {
				t.Fatalf("record at %d encodes to other bytes", offset)
			}
			offset += int64(len(rec.buf))
		}
	})
}

type nopFile struct{ billy.File }

func (nopFile) Write(b []byte) (int, error) { return len(b), nil }
