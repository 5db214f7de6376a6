package directory

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"aergo/repo/key"
	"aergo/repo/object"
	"aergo/repo/state"
	"aergo/repo/store"
)

// ErrInvalid is wrapped when a Directory breaks a rule.
var ErrInvalid = errors.New("invalid directory")

// maxForks bounds the chain of forks of forks that a Set follows.
const maxForks = 64

// keptDirectories is how many Directories a Set keeps.
const keptDirectories = 256

// Set finds Directories by the hashes of their blocks, and keeps those that it has found. It
// is safe for concurrent use. It checks the seal of a genesis, and takes later blocks for
// checked: whoever stores one executes it first (branch.Ledger.Validate).
type Set struct {
	mu    sync.Mutex
	known map[object.Hash]*Directory
}

// NewSet returns an empty Set.
func NewSet() *Set { return &Set{known: map[object.Hash]*Directory{}} }

// Load reads the Directory at a block. It is At of a new Set.
func Load(ctx context.Context, objects store.Reader, id object.Hash) (*Directory, error) {
	return NewSet().At(ctx, objects, id)
}

// At returns the Directory at a block.
func (s *Set) At(ctx context.Context, objects store.Reader, id object.Hash) (*Directory, error) {
	return s.at(ctx, objects, id, maxForks)
}

func (s *Set) at(ctx context.Context, objects store.Reader, id object.Hash, forks int) (*Directory, error) {
	if d := s.get(id); d != nil {
		return d, nil
	}
	d, err := s.load(ctx, objects, id, forks)
	if err != nil {
		return nil, fmt.Errorf("directory %s: %w", id.Short(), err)
	}
	s.put(d)
	return d, nil
}

func (s *Set) get(id object.Hash) *Directory {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.known[id]
}

func (s *Set) put(d *Directory) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.known) >= keptDirectories {
		clear(s.known)
	}
	s.known[d.ID] = d
}

func (s *Set) load(ctx context.Context, objects store.Reader, id object.Hash, forks int) (*Directory, error) {
	h, err := header(ctx, objects, id)
	if err != nil {
		return nil, err
	}
	d := &Directory{ID: id, Height: h.Height}
	base, err := s.base(ctx, objects, id, h, forks)
	if err != nil {
		return nil, err
	}
	d.Genesis, d.Lineage, d.Founder, d.Upstream = base.Genesis, base.Lineage, base.Founder, base.Upstream
	if d.View, err = ReadView(ctx, state.New(objects, h.State)); err != nil {
		return nil, err
	}
	d.Owner = d.View.Owner(d.Founder)
	return d, nil
}

// Owner returns the owner with the key that counts now.
func (v *View) Owner(founder object.Identity) object.Identity {
	first := v.keys[founder.Key]
	if first == nil {
		return founder
	}
	i := v.identities[first.Identity]
	return object.Identity{Key: i.Key, Name: i.Name}
}

// base walks back from a block to one whose chain is known, or to its genesis.
func (s *Set) base(ctx context.Context, objects store.Reader, id object.Hash, h *object.Header, forks int) (*Directory, error) {
	for !h.Parent.IsZero() {
		if d := s.get(h.Parent); d != nil {
			return d, nil
		}
		parent, err := header(ctx, objects, h.Parent)
		if err != nil {
			return nil, err
		}
		if h.Height != parent.Height+1 {
			return nil, fmt.Errorf("%w: its height does not follow its parent's", ErrInvalid)
		}
		id, h = h.Parent, parent
	}
	return s.genesis(ctx, objects, id, h, forks)
}

// genesis checks a genesis. Every genesis of a lineage signs for the lineage that it names;
// the first one, which is the lineage, for its own hash.
func (s *Set) genesis(ctx context.Context, objects store.Reader, id object.Hash, h *object.Header, forks int) (*Directory, error) {
	if h.Height != 0 || h.Lineage.IsZero() != h.Directory.IsZero() || len(h.Consensus) != NonceSize {
		return nil, fmt.Errorf("%w: not a genesis", ErrInvalid)
	}
	if h.Delegates != Delegates(h.Producer) {
		return nil, fmt.Errorf("%w: its delegates are not its producer", ErrInvalid)
	}
	d := &Directory{ID: id, Genesis: id, Lineage: h.Lineage, Founder: h.Producer, Owner: h.Producer}
	if d.Lineage.IsZero() {
		d.Lineage = id
	}
	seal, err := objects.Seal(ctx, id)
	if err != nil {
		return nil, err
	}
	sig, err := key.SignatureFromBytes(seal)
	if err != nil {
		return nil, err
	}
	if err := key.Verify(key.Public(h.Producer.Key), key.DomainBlock, d.Lineage, id, sig); err != nil {
		return nil, err
	}
	if h.Directory.IsZero() {
		return d, nil
	}
	if forks == 0 {
		return nil, fmt.Errorf("%w: more than %d forks", ErrInvalid, maxForks)
	}
	if d.Upstream, err = s.at(ctx, objects, h.Directory, forks-1); err != nil {
		return nil, err
	}
	if d.Upstream.Lineage != d.Lineage {
		return nil, fmt.Errorf("%w: it forks a Directory of another lineage", ErrInvalid)
	}
	return d, nil
}

// header loads the header of a Directory's block.
func header(ctx context.Context, objects store.Reader, id object.Hash) (*object.Header, error) {
	data, err := objects.Get(ctx, id)
	if err != nil {
		return nil, err
	}
	h, err := object.DecodeHeader(data)
	if err != nil {
		return nil, err
	}
	if !h.Branch.IsZero() {
		return nil, fmt.Errorf("%w: it is a block of a branch", ErrInvalid)
	}
	return h, nil
}

// Follows says whether a Directory is at a block, or at one after it in the same chain.
func (d *Directory) Follows(ctx context.Context, objects store.Reader, earlier *Directory) (bool, error) {
	if d.Genesis != earlier.Genesis || d.Height < earlier.Height {
		return false, nil
	}
	at := d.ID
	for height := d.Height; height > earlier.Height; height-- {
		h, err := header(ctx, objects, at)
		if err != nil {
			return false, err
		}
		at = h.Parent
	}
	return at == earlier.ID, nil
}
