package branch

import (
	"context"
	"errors"
	"fmt"

	"aergo/repo/key"
	"aergo/repo/object"
)

// seals gathers the signatures of a block that is being checked. They are checked together,
// which is several times as fast as one by one, and while the block is executed.
type seals struct {
	verifier *key.Verifier
	lineage  object.Hash
	done     chan error
}

func (l *Ledger) newSeals() *seals {
	return &seals{verifier: key.NewVerifier(l.Keys), lineage: l.Directory.Lineage}
}

// add gathers the signature that lies beside a record.
func (s *seals) add(domain key.Domain, who object.Identity, id object.Hash, sig key.Signature) {
	s.verifier.Add(key.Public(who.Key), domain, s.lineage, id, sig)
}

// start begins to check what was gathered. Nothing may be added any more.
func (s *seals) start(ctx context.Context, workers int) {
	s.done = make(chan error, 1)
	go func() { s.done <- s.verifier.VerifyAll(ctx, workers) }()
}

// wait returns what became of it. The error names the first bad signature in the order in
// which they were added.
func (s *seals) wait() error {
	err := <-s.done
	if bad := new(key.BatchError); errors.As(err, &bad) {
		return fmt.Errorf("%w: %s: %w", SignatureFault(bad.Domain), bad.ID.Short(), err)
	}
	return err
}
