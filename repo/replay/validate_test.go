package replay

import (
	"context"
	"encoding/json"
	"io"
	"testing"

	"github.com/go-git/go-billy/v5"

	"aergo/branch"
	"aergo/consensus/directory"
	"aergo/contract/table"
	"aergo/dtt"
	"aergo/repo/key"
	"aergo/repo/object"
	"aergo/repo/store"
)

// openLedger opens the objects of a repository's folder as a validator would, who has
// nothing but them.
func openLedger(t testing.TB, fs billy.Filesystem, workers int) *branch.Ledger {
	t.Helper()
	f, err := fs.Open("config.json")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	data, err := io.ReadAll(f)
	if err != nil {
		t.Fatal(err)
	}
	var config struct{ Directory object.Hash }
	if err := json.Unmarshal(data, &config); err != nil {
		t.Fatal(err)
	}
	packs, err := fs.Chroot("packs")
	if err != nil {
		t.Fatal(err)
	}
	disk, err := store.Open(packs, store.Options{})
	if err != nil {
		t.Fatal(err)
	}
	pool := dtt.NewPool(workers)
	t.Cleanup(func() {
		pool.Close()
		_ = disk.Close()
	})
	dir, err := directory.Load(context.Background(), disk, config.Directory)
	if err != nil {
		t.Fatal(err)
	}
	return &branch.Ledger{
		Chain: branch.Chain{Objects: disk}, Runtime: table.NewRuntime(), Workers: pool, Directory: dir, Keys: key.NewCache(1 << 12),
	}
}

// validate executes every block that head leads to again, ancestors first, and returns
// how many there are.
func validate(t testing.TB, l *branch.Ledger, head object.Hash) int {
	t.Helper()
	ctx := context.Background()
	valid := map[object.Hash]bool{}
	stack := []object.Hash{head}
	for len(stack) > 0 {
		id := stack[len(stack)-1]
		b, err := l.Block(ctx, id)
		if err != nil {
			t.Fatal(err)
		}
		depth := len(stack)
		for _, up := range [...]object.Hash{b.Parent, b.Absorbed} {
			if !up.IsZero() && !valid[up] {
				stack = append(stack, up)
			}
		}
		if len(stack) > depth {
			continue
		}
		stack = stack[:depth-1]
		if valid[id] {
			continue
		}
		if err := l.Validate(ctx, b); err != nil {
			t.Fatal(err)
		}
		valid[id] = true
	}
	return len(valid)
}
