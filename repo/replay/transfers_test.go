package replay

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/go-git/go-billy/v5/memfs"
)

func TestEth(t *testing.T) {
	folder := os.Getenv(casesVariable)
	tr, err := LoadTransfers(os.DirFS(filepath.Join(folder, "eth-transfers")))
	if err != nil {
		t.Fatal(err)
	}
	for _, sides := range []int{1, 2, 5} {
		r, err := NewRepository(t.Context(), memfs.New(), "eth", nil, 2)
		if err != nil {
			t.Fatal(err)
		}
		rep, err := RunTransfers(t.Context(), r, tr, sides)
		t.Logf("%d %+v %v", sides, rep, err)
		if err != nil {
			t.Error(err)
		}
		r.Close()
	}
}
