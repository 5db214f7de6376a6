package replay

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/klauspost/compress/zstd"

	"aergo/repo/store/faultfs"
)

// madeTransfers returns the folder of a few blocks of random payments, and how many
// transfers change nothing when all go one after another.
func madeTransfers(t testing.TB, r *rand.Rand) fstest.MapFS {
	t.Helper()
	var files [4]strings.Builder // opening, transfers, blocks, final
	held := map[string]int{}
	name := func(i int) string { return string(rune('a' + i)) }
	for i := range 5 {
		held[name(i)] = 1 + r.IntN(100)
		fmt.Fprintf(&files[0], `{"asset":"gold","account":%q,"balance":"%d"}`+"\n", name(i), held[name(i)])
	}
	for block := range 6 {
		for range r.IntN(8) * block {
			from, to := name(r.IntN(9)), name(r.IntN(9))
			amount := r.IntN(held[from] + 1)
			held[from] -= amount
			held[to] += amount
			fmt.Fprintf(&files[1], `{"block":%d,"asset":"gold","from":%q,"to":%q,"amount":"%d"}`+"\n", block, from, to, amount)
		}
		var d Digest
		n := 0
		for k, v := range held {
			if v != 0 {
				d.Add([]byte("gold\t" + k + "\t" + fmt.Sprint(v)))
				n++
			}
		}
		digest := fmt.Sprintf(`,"digest":%q,"nonzero_balances":%d`, d, n)
		if !strings.Contains(files[1].String(), fmt.Sprintf(`"block":%d,`, block)) {
			digest = ""
		}
		fmt.Fprintf(&files[2], `{"block":%d%s}`+"\n", block, digest)
	}
	for k, v := range held {
		if v != 0 {
			fmt.Fprintf(&files[3], `{"asset":"gold","account":%q,"balance":"%d"}`+"\n", k, v)
		}
	}
	z, err := zstd.NewWriter(nil)
	if err != nil {
		t.Fatal(err)
	}
	defer z.Close()
	packed := func(i int) *fstest.MapFile {
		return &fstest.MapFile{Data: z.EncodeAll([]byte(files[i].String()), nil)}
	}
	return fstest.MapFS{
		"opening.jsonl.zst": packed(0), "transfers.jsonl.zst": packed(1), "final.jsonl.zst": packed(3),
		"blocks.jsonl": {Data: []byte(files[2].String())},
	}
}

func loadTransfers(t testing.TB, folder fstest.MapFS) *Transfers {
	t.Helper()
	tr, err := LoadTransfers(folder)
	if err != nil {
		t.Fatal(err)
	}
	return tr
}

// TestTransfers replays payments in a line, and dealt out to branches that are merged:
// the balances are the same after every block, and nothing is excluded.
func TestTransfers(t *testing.T) {
	all := map[string]*Transfers{"made": loadTransfers(t, madeTransfers(t, newRand(t)))}
	if folder := os.Getenv(casesVariable); folder != "" {
		real, err := LoadTransfers(os.DirFS(filepath.Join(folder, "eth-transfers")))
		if err != nil {
			t.Fatal(err)
		}
		all["ethereum"] = real
	}
	for name, tr := range all {
		for _, sides := range []int{1, 2, 5} {
			t.Run(fmt.Sprintf("%s on %d branches", name, sides), func(t *testing.T) {
				fs := faultfs.New()
				r, err := NewRepository(t.Context(), fs, name, nil, 2)
				if err != nil {
					t.Fatal(err)
				}
				defer r.Close()
				got, err := RunTransfers(t.Context(), r, tr, sides)
				t.Logf("%+v", got)
				if err != nil {
					t.Fatal(err)
				}
				total := 0
				for i := range tr.Blocks {
					total += len(tr.Blocks[i].Transfers)
				}
				if got.Transfers+got.Unchanged != uint64(total) || got.Blocks != len(tr.Blocks) || got.Excluded != 0 {
					t.Errorf("%+v of %d transfers in %d blocks", got, total, len(tr.Blocks))
				}
				if err := r.Close(); err != nil {
					t.Fatal(err)
				}
				if v := verified(t, fs); v.Transactions != got.Transfers+got.Merged+uint64(len(tr.Opening)) {
					t.Errorf("it verifies as %+v", v)
				}
			})
		}
	}
}

func TestRunTransfersTells(t *testing.T) {
	for name, change := range map[string]func(tr *Transfers){
		"digest":          func(tr *Transfers) { tr.Blocks[0].Digest[0]++ },
		"count":           func(tr *Transfers) { tr.Blocks[0].NonZero++ },
		"opening":         func(tr *Transfers) { tr.Opening = tr.Opening[1:] },
		"final":           func(tr *Transfers) { tr.Final = tr.Final[1:] },
		"more than final": func(tr *Transfers) { tr.Final = append(tr.Final, Balance{"gold", "z", "1"}) },
	} {
		t.Run(name, func(t *testing.T) {
			tr := loadTransfers(t, madeTransfers(t, rand.New(rand.NewPCG(1, 2))))
			change(tr)
			r, err := NewRepository(t.Context(), faultfs.New(), name, nil, 1)
			if err != nil {
				t.Fatal(err)
			}
			defer r.Close()
			if _, err := RunTransfers(t.Context(), r, tr, 1); !errors.Is(err, ErrDiffers) {
				t.Errorf("it ends with %v", err)
			}
		})
	}
}

func TestLoadTransfersRefuses(t *testing.T) {
	z, err := zstd.NewWriter(nil)
	if err != nil {
		t.Fatal(err)
	}
	defer z.Close()
	for name, c := range map[string]struct{ file, data string }{
		"balance not JSON":  {"opening.jsonl.zst", "x"},
		"balance below 0":   {"opening.jsonl.zst", `{"balance":"-1"}`},
		"balance of 1.5":    {"final.jsonl.zst", `{"balance":"1.5"}`},
		"transfer not JSON": {"transfers.jsonl.zst", "x"},
		"amount of nothing": {"transfers.jsonl.zst", `{"block":1,"amount":""}`},
		"no such block":     {"transfers.jsonl.zst", `{"block":77,"amount":"1"}`},
		"block not JSON":    {"blocks.jsonl", "x"},
		"digest of nothing": {"blocks.jsonl", `{"block":99,"digest":"` + strings.Repeat("0", 64) + `"}`},
	} {
		t.Run(name, func(t *testing.T) {
			folder := madeTransfers(t, rand.New(rand.NewPCG(1, 2)))
			data := []byte(c.data)
			if strings.HasSuffix(c.file, ".zst") {
				data = z.EncodeAll(data, nil)
			}
			folder[c.file] = &fstest.MapFile{Data: bytes.Clone(data)}
			if tr, err := LoadTransfers(folder); !errors.Is(err, ErrBadCase) {
				t.Errorf("%v, %v", tr, err)
			}
		})
	}
}
