package transfer

import (
	"bytes"
	"context"
	"errors"
	"testing"

	"aergo/repo"
	"aergo/repo/object"
	"aergo/repo/store"
	"aergo/repo/store/faultfs"
)

// packer is a repository that has objects as frames, which it may lie about.
type packer struct {
	Repository
	pack func(h object.Hash, data []byte) (zstd []byte, sizeBytes int)
}

type packerSource struct {
	repo.Source
	pack func(h object.Hash, data []byte) (zstd []byte, sizeBytes int)
}

func (p packer) Objects() repo.Source { return packerSource{p.Repository.Objects(), p.pack} }

func (s packerSource) Packed(ctx context.Context, h object.Hash) (zstd []byte, sizeBytes int) {
	data, err := s.Get(ctx, h)
	if kind, kindErr := object.KindOf(data); err != nil || kindErr != nil || kind != object.KindChunk {
		return nil, 0
	}
	return s.pack(h, data)
}

// A frame that travels as it is stored is believed no more than anything else.
func TestLyingServerOfFrames(t *testing.T) {
	w := newWorld(t)
	w.onDisk = true
	up := w.init("up", "ada")
	put(t, up, "a", 1)
	bobs := w.clone("test://up", "bob")
	fill(t, up, 0, 3000)
	before, err := bobs.Fsck(t.Context())
	must(t, err)
	c, err := newCodec()
	must(t, err)
	honest := func(_ object.Hash, data []byte) ([]byte, int) { return c.encoder.EncodeAll(data, nil), len(data) }
	for name, lie := range map[string]func(object.Hash, []byte) ([]byte, int){
		"bent": func(h object.Hash, data []byte) ([]byte, int) {
			zstd, size := honest(h, data)
			zstd[len(zstd)/2] ^= 1
			return zstd, size
		},
		"cut": func(h object.Hash, data []byte) ([]byte, int) {
			zstd, size := honest(h, data)
			return zstd[:len(zstd)-1], size
		},
		"another object": func(_ object.Hash, data []byte) ([]byte, int) {
			other := bytes.Clone(data)
			other[len(other)-1] ^= 1
			return honest(object.Hash{}, other)
		},
		"longer":    func(h object.Hash, data []byte) ([]byte, int) { return honest(h, append(bytes.Clone(data), 0)) },
		"more said": func(h object.Hash, data []byte) ([]byte, int) { zstd, size := honest(h, data); return zstd, size + 1 },
		"less said": func(h object.Hash, data []byte) ([]byte, int) { zstd, size := honest(h, data); return zstd, size - 1 },
		"bomb": func(object.Hash, []byte) ([]byte, int) {
			return c.encoder.EncodeAll(make([]byte, 64<<20), nil), store.MaxObjectBytes
		},
		"no frame": func(_ object.Hash, data []byte) ([]byte, int) { return []byte("nothing"), len(data) },
	} {
		w.client.Spool = faultfs.New()
		w.lie("up", func(r Repository) Repository { return packer{r, lie} })
		if _, err := bobs.Fetch(t.Context(), "", ""); !errors.Is(err, ErrProtocol) {
			t.Errorf("%s: %v", name, err)
		}
		unchanged(t, bobs, before)
		nothingLeft(t, w.client.Spool)
	}
	sent := 0
	w.lie("up", func(r Repository) Repository {
		return packer{r, func(h object.Hash, data []byte) ([]byte, int) { sent++; return honest(h, data) }}
	})
	_, err = bobs.Pull(t.Context(), repo.PullRequest{})
	must(t, err)
	if sent == 0 {
		t.Error("no chunk went as a frame")
	}
	sound(t, bobs)
}
