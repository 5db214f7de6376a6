package key

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"

	"aergo/repo/object"

	"github.com/oasisprotocol/curve25519-voi/curve"
	"github.com/oasisprotocol/curve25519-voi/primitives/ed25519"
	"github.com/oasisprotocol/curve25519-voi/primitives/ed25519/extra/cache"
)

// options returns the rules of this package: ZIP-215, less keys of small order.
func options() *ed25519.Options {
	return &ed25519.Options{Verify: &ed25519.VerifyOptions{
		AllowSmallOrderR:   true,
		AllowNonCanonicalA: true,
		AllowNonCanonicalR: true,
	}}
}

// Verify checks one signature. The error wraps ErrBadSignature; a public key of small
// order or off the curve gives the same error. For many signatures use a Verifier.
func Verify(pub Public, d Domain, lineage, id object.Hash, sig Signature) error {
	var buf [messageCap]byte
	message := d.appendMessage(buf[:0], lineage, id)
	if !ed25519.VerifyWithOptions(pub[:], message, sig[:], options()) {
		return fmt.Errorf("%s of %s by %s: %w", d, id.Short(), pub.Short(), ErrBadSignature)
	}
	return nil
}

// Cache keeps the expanded form of recently used public keys, about 1.5 KiB each. It is
// bounded, evicts the least recently used, and is safe for concurrent use. Only keys that
// are points of the curve enter it.
type Cache struct {
	lru cache.Cache
}

// NewCache returns a cache of at most keys expanded keys; below 1 counts as 1.
func NewCache(keys int) *Cache { return &Cache{lru: cache.NewLRUCache(max(keys, 1))} }

// expanded returns the expanded form of pub, or nil if pub is no point of the curve.
func (c *Cache) expanded(pub Public) *ed25519.ExpandedPublicKey {
	compressed := curve.CompressedEdwardsY(pub)
	if key := c.lru.Get(&compressed); key != nil {
		return key
	}
	key, err := ed25519.NewExpandedPublicKey(pub[:])
	if err != nil {
		return nil
	}
	c.lru.Put(&compressed, key)
	return key
}

// Verify is the function Verify with the expanded key taken from the cache: faster from
// the second signature by one key on.
func (c *Cache) Verify(pub Public, d Domain, lineage, id object.Hash, sig Signature) error {
	var buf [messageCap]byte
	message := d.appendMessage(buf[:0], lineage, id)
	key := c.expanded(pub)
	if key == nil || !ed25519.VerifyExpandedWithOptions(key, message, sig[:], options()) {
		return fmt.Errorf("%s of %s by %s: %w", d, id.Short(), pub.Short(), ErrBadSignature)
	}
	return nil
}

// BatchError says which signature of a Verifier is the first bad one. It wraps
// ErrBadSignature.
type BatchError struct {
	Index  int // position in the order of Add, from 0
	Public Public
	Domain Domain
	ID     object.Hash
}

func (e *BatchError) Error() string {
	return fmt.Sprintf("signature %d: %s of %s by %s: %v", e.Index, e.Domain, e.ID.Short(), e.Public.Short(), ErrBadSignature)
}

func (e *BatchError) Unwrap() error { return ErrBadSignature }

// Verifier checks many signatures at once, about three times as fast as one by one. It
// accepts exactly what Verify accepts. One bad signature triples the cost of its group.
// A Verifier is not safe for concurrent use; the Cache that it shares with others is.
type Verifier struct {
	cache *Cache
	items []signed
}

type signed struct {
	pub         Public
	domain      Domain
	lineage, id object.Hash
	sig         Signature
}

// NewVerifier returns an empty verifier that takes expanded keys from c.
func NewVerifier(c *Cache) *Verifier { return &Verifier{cache: c} }

// Add queues one signature; nothing is checked before VerifyAll.
func (v *Verifier) Add(pub Public, d Domain, lineage, id object.Hash, sig Signature) {
	v.items = append(v.items, signed{pub: pub, domain: d, lineage: lineage, id: id, sig: sig})
}

// Grow makes room for so many more signatures.
func (v *Verifier) Grow(n int) { v.items = slices.Grow(v.items, max(n, 0)) }

// Len returns the number of queued signatures.
func (v *Verifier) Len() int { return len(v.items) }

// Reset forgets the queue and keeps its memory.
func (v *Verifier) Reset() { v.items = v.items[:0] }

// A group is what one multiscalar multiplication checks. Larger ones cost less per
// signature, up to about 1,024; smaller ones are left only to give every worker a share.
const (
	maxGroup = 1024
	minGroup = 64
)

// VerifyAll checks everything that was added, with at most workers goroutines (below 1
// counts as 1). It returns nil if all are good, also when there are none; a *BatchError
// for the first bad one in the order of Add, the same for any number of workers; or the
// error of ctx. The queue is kept.
func (v *Verifier) VerifyAll(ctx context.Context, workers int) error {
	workers = max(workers, 1)
	size := min(max((len(v.items)+workers-1)/workers, minGroup), maxGroup)
	groups := (len(v.items) + size - 1) / size

	var next atomic.Int64 // the next group to take
	var bad atomic.Int64  // the lowest bad index so far
	bad.Store(int64(len(v.items)))
	work := func() {
		batch := ed25519.NewBatchVerifierWithCapacity(min(size, len(v.items)))
		opts := options()
		for ctx.Err() == nil {
			start := int(next.Add(1)-1) * size
			// Groups are taken in order: all those before a bad one are checked too.
			if start >= len(v.items) || int64(start) > bad.Load() {
				return
			}
			end := min(start+size, len(v.items))
			if i := v.firstBad(batch, opts, start, end); i < end {
				lower(&bad, int64(i))
			}
		}
	}

	var wg sync.WaitGroup
	for range min(workers, groups) - 1 {
		wg.Go(work)
	}
	work()
	wg.Wait()

	if err := ctx.Err(); err != nil {
		return fmt.Errorf("verify signatures: %w", err)
	}
	if i := int(bad.Load()); i < len(v.items) {
		it := &v.items[i]
		return &BatchError{Index: i, Public: it.pub, Domain: it.domain, ID: it.id}
	}
	return nil
}

// firstBad returns the index of the first bad signature in items[start:end], or end.
func (v *Verifier) firstBad(batch *ed25519.BatchVerifier, opts *ed25519.Options, start, end int) int {
	batch.Reset()
	var buf [messageCap]byte
	for i := start; i < end; i++ {
		it := &v.items[i]
		message := it.domain.appendMessage(buf[:0], it.lineage, it.id)
		key := v.cache.expanded(it.pub)
		if key == nil {
			// Nothing after it matters: what comes before decides.
			end = i
			break
		}
		batch.AddExpandedWithOptions(key, message, it.sig[:], opts)
	}
	if start == end {
		return end
	}
	if ok, valid := batch.Verify(nil); !ok {
		for i, good := range valid {
			if !good {
				return start + i
			}
		}
	}
	return end
}

// lower sets a to n if n is less.
func lower(a *atomic.Int64, n int64) {
	for old := a.Load(); n < old; old = a.Load() {
		if a.CompareAndSwap(old, n) {
			return
		}
	}
}
