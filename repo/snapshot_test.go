package repo

import (
	"fmt"
	"io"
	"math/rand/v2"
	"path"
	"sort"
	"strings"
	"testing"

	"github.com/go-git/go-billy/v5"

	"aergo/repo/key"
	"aergo/repo/object"
	"aergo/repo/store/faultfs"
)

func newRand(seed uint64) *rand.Rand { return rand.New(rand.NewPCG(seed, 1)) }

func emptyRing() *key.Keyring { return key.NewKeyring(faultfs.New()) }

// snapshotOf returns every file of a folder, by name and hash.
func snapshotOf(t testing.TB, fs billy.Filesystem) string {
	t.Helper()
	var lines []string
	var walk func(folder string)
	walk = func(folder string) {
		infos, err := fs.ReadDir(folder)
		must(t, err)
		for _, info := range infos {
			name := path.Join(folder, info.Name())
			if info.IsDir() {
				walk(name)
				continue
			}
			lines = append(lines, fmt.Sprintf("%s %s", name, object.Sum(readAll(t, fs, name))))
		}
	}
	walk("")
	sort.Strings(lines)
	return strings.Join(lines, "\n")
}

func readAll(t testing.TB, fs billy.Filesystem, name string) []byte {
	t.Helper()
	f, err := fs.Open(name)
	must(t, err)
	defer f.Close()
	data, err := io.ReadAll(f)
	must(t, err)
	return data
}
