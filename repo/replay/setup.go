package replay

import (
	"context"
	"crypto/sha256"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/go-git/go-billy/v5"
	"github.com/go-git/go-billy/v5/memfs"

	"aergo/repo"
	"aergo/repo/key"
)

// Owner is the identity that owns the repositories made here and seals their blocks.
const Owner = "keeper"

// NewRepository makes a repository in fs. All that it depends on follows from the seed,
// the keys of the owner and the authors too, so that the same history ends in the same
// block wherever and with however many workers it is replayed. The keys are in memory
// only. The caller closes it.
func NewRepository(ctx context.Context, fs billy.Filesystem, seed string, authors []string, workers int) (*repo.Repo, error) {
	opts, err := options(ctx, seed, authors, workers)
	if err != nil {
		return nil, err
	}
	return repo.Init(ctx, fs, opts)
}

func options(ctx context.Context, seed string, authors []string, workers int) (repo.Options, error) {
	keys := key.NewKeyring(memfs.New())
	for _, name := range append([]string{Owner}, authors...) {
		if err := keys.Add(ctx, name, key.FromSeed(sha256.Sum256([]byte(seed+"/"+name)))); err != nil {
			return repo.Options{}, err
		}
	}
	return repo.Options{
		Keys: keys, Identity: Owner, Who: Owner, Clock: newClock(), Random: rand.NewChaCha8(sha256.Sum256([]byte(seed))), Workers: workers,
	}, nil
}

// newClock returns a clock that goes on by a second with every look.
func newClock() func() time.Time {
	var mu sync.Mutex
	now := time.Date(2026, 9, 1, 0, 0, 0, 0, time.UTC)
	return func() time.Time {
		mu.Lock()
		defer mu.Unlock()
		now = now.Add(time.Second)
		return now
	}
}
