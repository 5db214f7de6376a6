package transfer

import (
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/go-git/go-billy/v5"
	"github.com/go-git/go-billy/v5/osfs"

	"aergo/net/peer"
	"aergo/repo"
	"aergo/repo/object"
	"aergo/repo/store/faultfs"
)

// benchRows is how many rows the repository has that is cloned.
const benchRows = 200_000

// BenchmarkClone compares, in one run, through libp2p on the loopback: what a bare stream
// carries, what moving all objects of a repository carries (plain bytes), and the same with
// everything that a clone checks and stores; and the bytes on the wire with those of the
// repository's packs, which are compressed.
func BenchmarkClone(b *testing.B) {
	w := newWorld(b)
	w.onDisk = true
	w.client.Spool = osfs.New(b.TempDir(), osfs.WithBoundOS())
	server := w.overLibp2p(peer.Limits{})
	serveZeros(server)
	up := w.init("up", "ada")
	fill(b, up, 0, benchRows)
	packs := folderBytes(b, filepath.Join(w.paths["up"].Root(), "packs"))
	rawRate, gatherRate, cloneRate, wire := 0.0, 0.0, 0.0, 0.0
	for b.Loop() {
		rawRate += rawStream(b, w, server, 256<<20)
		c, err := w.open(b.Context(), "bob", "up")
		must(b, err)
		began := time.Now()
		none := func(context.Context, object.Hash) (bool, error) { return false, nil }
		must(b, c.Objects().(repo.Gatherer).Gather(b.Context(), repo.Walk{Heads: []object.Hash{headOf(b, up)}, Known: none}))
		elapsed := time.Since(began).Seconds()
		gatherRate += float64(c.bytes) / elapsed
		t := c.Traffic()
		wire += float64(t.Sent+t.Received) / float64(packs)
		plain := float64(c.bytes)
		must(b, c.Close())
		began = time.Now()
		w.clone("test://up", "bob")
		cloneRate += plain / time.Since(began).Seconds()
	}
	n := float64(b.N)
	b.ReportMetric(rawRate/n/1e6, "raw-MB/s")
	b.ReportMetric(gatherRate/n/1e6, "moved-MB/s")
	b.ReportMetric(cloneRate/n/1e6, "cloned-MB/s")
	b.ReportMetric(gatherRate/rawRate, "moved/raw")
	b.ReportMetric(wire/n, "wire/packs")
}

const zeros = "/aergo/test-zeros/1"

// serveZeros has a host send without end.
func serveZeros(h *peer.Host) {
	h.Handle(zeros, func(_ context.Context, _ peer.ID, s peer.Stream) {
		defer s.Close()
		for block := make([]byte, 256<<10); ; {
			if _, err := s.Write(block); err != nil {
				return
			}
		}
	})
}

// rawStream returns how many bytes a second a stream carries.
func rawStream(b *testing.B, w *world, server *peer.Host, size int64) float64 {
	b.Helper()
	id, err := peer.NewIdentity(nil)
	must(b, err)
	h, err := peer.New(peer.Options{Identity: id, Known: peer.OpenKnown(faultfs.New(), "known")})
	must(b, err)
	defer h.Close()
	s, _, err := h.Open(b.Context(), server.Addresses()[0], zeros)
	must(b, err)
	defer s.Reset()
	began := time.Now()
	_, err = io.CopyN(io.Discard, s, size)
	must(b, err)
	return float64(size) / time.Since(began).Seconds()
}

func folderBytes(b *testing.B, folder string) (total int64) {
	b.Helper()
	entries, err := os.ReadDir(folder)
	must(b, err)
	for _, e := range entries {
		if info, err := e.Info(); err == nil && filepath.Ext(e.Name()) == ".aergo" {
			total += info.Size()
		}
	}
	return total
}

// BenchmarkPush is a push of some rows, scattered over a repository of many, and the bytes
// on the wire beside those that the change takes in the packs of who pushes.
func BenchmarkPush(b *testing.B) {
	for _, rows := range []int{1, 1000} {
		b.Run(fmt.Sprint(rows), func(b *testing.B) {
			w := newWorld(b)
			w.onDisk = true
			w.overLibp2p(peer.Limits{})
			up := w.init("up", "ada")
			fill(b, up, 0, benchRows)
			bobs, at := w.cloneTo(b, "test://up", "bob")
			packs := filepath.Join(at.Root(), "packs")
			wire, change := uint64(0), int64(0)
			for round := 0; b.Loop(); round++ {
				b.StopTimer()
				before := folderBytes(b, packs)
				scatter(b, bobs, rows, round)
				change += folderBytes(b, packs) - before
				w.clients = nil
				b.StartTimer()
				p, err := bobs.Push(b.Context(), repo.PushRequest{})
				must(b, err)
				if p.Applied != uint64(rows) {
					b.Fatalf("pushed %+v", p)
				}
				t := w.clients[0].Traffic()
				wire += t.Sent + t.Received
			}
			b.ReportMetric(float64(wire)/float64(b.N), "wire-bytes/op")
			b.ReportMetric(float64(wire)/float64(change), "wire/packs")
		})
	}
}

// cloneTo is clone, and returns the folder.
func (w *world) cloneTo(t testing.TB, from, who string) (*repo.Repo, billy.Filesystem) {
	t.Helper()
	fs := w.folder()
	r, _, err := repo.Clone(t.Context(), fs, w.options(who), repo.CloneRequest{From: from})
	must(t, err)
	t.Cleanup(func() { _ = r.Close() })
	return r, fs
}

// scatter changes rows from all over the table, and commits.
func scatter(t testing.TB, r *repo.Repo, rows, round int) {
	t.Helper()
	var lines strings.Builder
	for i := range rows {
		fmt.Fprintf(&lines, `{"op":"put","table":"t","key":"row-%07d","fields":{"n":%d}}`+"\n", i*(benchRows/rows), -1-round)
	}
	_, err := r.ApplyLines(t.Context(), strings.NewReader(lines.String()))
	must(t, err)
	_, err = r.Commit(t.Context(), repo.CommitRequest{Message: "scattered"})
	must(t, err)
}
