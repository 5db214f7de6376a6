package hostile

import (
	"testing"

	"aergo/branch"
	"aergo/net/problem"
	"aergo/repo"
	"aergo/repo/object"
)

// Who clones a part takes states that it does not make itself. They are looked at, node by
// node, and a clone that fails leaves an empty folder.
func TestForgedPartsOfHistory(t *testing.T) {
	v := newVictims(t)
	bend := func(f *forger, h object.Hash) object.Hash {
		data, err := f.mem.Get(f.t.Context(), h)
		must(f.t, err)
		return f.record(object.KindStateNode, bent(data))
	}
	for _, x := range []struct {
		name  string
		fault branch.Fault
		make  func(f *forger, h *history) object.Hash
	}{
		{"node of the state", branch.FaultNode, func(f *forger, h *history) object.Hash {
			return f.header(h.ours, func(b *object.Header) { b.State = bend(f, h.ours.Header.State) })
		}},
		{"node of the account", branch.FaultNode, func(f *forger, h *history) object.Hash {
			return f.header(h.ours, func(b *object.Header) { b.Account = bend(f, h.ours.Header.Account) })
		}},
		{"body for a state", branch.FaultNode, func(f *forger, h *history) object.Hash {
			return f.header(h.ours, func(b *object.Header) { b.State = h.ours.Entries })
		}},
		{"state that is withheld", branch.FaultMissing, func(f *forger, h *history) object.Hash {
			f.withheld[h.ours.Header.State] = true
			return h.ours.ID
		}},
		{"header that is withheld", branch.FaultMissing, func(f *forger, h *history) object.Hash {
			f.withheld[f.head.ID] = true
			return h.ours.ID
		}},
		{"seal of somebody else", branch.FaultSeal, func(f *forger, h *history) object.Hash {
			sig := f.mallory.Private.Sign("aergo/block/v1", f.Directory.Lineage, h.ours.ID)
			f.seals[h.ours.ID] = sig[:]
			return h.ours.ID
		}},
	} {
		for part, req := range map[string]repo.CloneRequest{"depth": {Depth: 1}, "filter": {Tables: []string{"t"}}, "depth and filter": {Depth: 1, Tables: []string{"t"}}} {
			t.Run(x.name+", "+part, func(t *testing.T) {
				clear(v.f.seals)
				clear(v.f.withheld)
				v.lies["up"] = offer{repo.AsRemote(v.up), v.f, x.make(v.f, v.h), nil}
				defer delete(v.lies, "up")
				fs := v.folder()
				req.From = "test://up"
				r, _, err := repo.Clone(t.Context(), fs, v.options("bob"), req)
				if err == nil {
					must(t, r.Close())
				}
				if got := problem.Fault(err); err == nil || got != string(x.fault) {
					t.Errorf("fault %q, want %q: %v", got, string(x.fault), err)
				}
				if left, err := fs.ReadDir(""); err == nil && len(left) > 0 {
					t.Errorf("%d files are left behind", len(left))
				}
				v.serving.Wait()
			})
		}
	}
}
