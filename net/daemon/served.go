package daemon

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/go-git/go-billy/v5"
	"github.com/go-git/go-billy/v5/osfs"

	"aergo/net/peer"
	"aergo/net/transfer"
	"aergo/repo"
	"aergo/repo/object"
	"aergo/repo/ref"
)

// peerKey is the key of a conversation's context under which its peer is.
type peerKey struct{}

func withPeer(ctx context.Context, id peer.ID) context.Context {
	return context.WithValue(ctx, peerKey{}, id)
}

// peerOf returns who is at the other end of a conversation.
func peerOf(ctx context.Context) peer.ID {
	id, _ := ctx.Value(peerKey{}).(peer.ID)
	return id
}

// host is the repositories as a transfer.Server sees them.
type host struct{ d *Daemon }

// Repository implements transfer.Host.
func (h host) Repository(_ context.Context, name string) (transfer.Repository, error) {
	if _, err := h.d.repositories.folder(name); err != nil {
		return nil, err
	}
	return served{h.d, name}, nil
}

// Allow implements transfer.Host. Where there is no repository everybody is denied, in the
// same words as those who may not read one.
func (h host) Allow(ctx context.Context, from, name string, verb transfer.Verb, branch ref.Name) error {
	who, err := peer.ID(from).Key()
	if err != nil {
		return err
	}
	if err = h.d.repositories.Check(name); err == nil {
		err = h.d.repositories.Use(ctx, name, func(r *repo.Repo) error { return h.d.opts.Access.Allow(ctx, r, Request{who, name, verb, branch}) })
	}
	if errors.Is(err, repo.ErrNoRepository) {
		err = fmt.Errorf("%w: there is no such repository", transfer.ErrDenied)
	}
	if errors.Is(err, transfer.ErrDenied) {
		h.d.metrics.denials.WithLabelValues(string(verb)).Inc()
		h.d.log.Warn("denied", "peer", from, "key", who.Short(), "repository", name, "verb", string(verb), "branch", string(branch), "reason", err.Error())
	}
	return err
}

// served is a repository that is opened for each thing that is done with it.
type served struct {
	d    *Daemon
	name string
}

// Refs implements transfer.Repository.
func (s served) Refs(ctx context.Context) (out repo.RemoteRefs, err error) {
	err = s.d.repositories.Use(ctx, s.name, func(r *repo.Repo) error {
		out, err = r.Offer(ctx)
		return err
	})
	return out, err
}

// Objects implements transfer.Repository.
func (s served) Objects() repo.Source { return source{s} }

// Merge implements transfer.Repository.
func (s served) Merge(ctx context.Context, from repo.Source, req repo.RemoteMerge) (out repo.RemoteMerged, err error) {
	s.d.merging.Add(1)
	defer s.d.merging.Add(-1)
	began := time.Now()
	pusher := peerOf(ctx)
	err = s.d.repositories.Use(ctx, s.name, func(r *repo.Repo) error {
		out, err = s.receive(ctx, r, pusher, from, req)
		return err
	})
	elapsed := time.Since(began)
	s.d.metrics.merges.WithLabelValues(outcome(err)).Observe(elapsed.Seconds())
	s.d.log.Info("merge", "peer", string(pusher), "repository", s.name, "branch", string(req.Branch), "head", req.Head.Short(), "applied", out.Merged.Applied,
		"excluded", len(out.Merged.Excluded), "elapsed", elapsed, "error", text(err))
	return out, err
}

// receive merges what a peer pushes. The operation log tells whose push it was.
func (s served) receive(ctx context.Context, r *repo.Repo, pusher peer.ID, from repo.Source, req repo.RemoteMerge) (repo.RemoteMerged, error) {
	folder, err := s.d.repositories.folder(s.name)
	if err != nil {
		return repo.RemoteMerged{}, err
	}
	opts, err := s.d.opts.Repository(folder)
	if err != nil {
		return repo.RemoteMerged{}, err
	}
	if opts.Who, err = nameOf(ctx, r, pusher); err != nil {
		return repo.RemoteMerged{}, err
	}
	opts.Args = []string{"push", string(req.Branch)}
	as, err := r.As(ctx, opts)
	if err != nil {
		return repo.RemoteMerged{}, err
	}
	defer as.Close()
	return as.Receive(ctx, from, req)
}

// nameOf returns what the Directory calls the holder of a peer's key, or the key's first
// digits.
func nameOf(ctx context.Context, r *repo.Repo, id peer.ID) (string, error) {
	k, err := id.Key()
	if err != nil {
		return "", err
	}
	info, err := r.Directory(ctx)
	if err != nil {
		return "", err
	}
	if info.Owner.Key == k {
		return info.Owner.Name, nil
	}
	for _, i := range info.Identities {
		if i.Key == k {
			return i.Name, nil
		}
	}
	return k.Short(), nil
}

// Submit implements repo.Submitter.
func (s served) Submit(ctx context.Context, what repo.Submission) (out repo.Submitted, err error) {
	began := time.Now()
	err = s.d.repositories.Use(ctx, s.name, func(r *repo.Repo) error {
		out, err = r.Submit(ctx, what)
		return err
	})
	s.d.metrics.submissions.WithLabelValues(outcome(err)).Observe(time.Since(began).Seconds())
	return out, err
}

// Submission implements repo.Submitter.
func (s served) Submission(ctx context.Context, name ref.Name, batch object.Hash, wait bool) (out repo.Submitted, err error) {
	err = s.d.repositories.Use(ctx, s.name, func(r *repo.Repo) error {
		out, err = r.Submission(ctx, name, batch, wait)
		return err
	})
	return out, err
}

var _ repo.Submitter = served{}

// source is the objects of a repository.
type source struct{ served }

// Get implements repo.Source.
func (s source) Get(ctx context.Context, h object.Hash) (data []byte, err error) {
	err = s.d.repositories.Use(ctx, s.name, func(r *repo.Repo) error {
		data, err = repo.AsRemote(r).Objects().Get(ctx, h)
		return err
	})
	return data, err
}

// Packed implements repo.PackedSource.
func (s source) Packed(ctx context.Context, h object.Hash) (zstd []byte, sizeBytes int) {
	err := s.d.repositories.Use(ctx, s.name, func(r *repo.Repo) error {
		if packed, ok := repo.AsRemote(r).Objects().(repo.PackedSource); ok {
			zstd, sizeBytes = packed.Packed(ctx, h)
		}
		return nil
	})
	if err != nil {
		return nil, 0
	}
	return zstd, sizeBytes
}

// Seal implements repo.Source.
func (s source) Seal(ctx context.Context, h object.Hash) (seal []byte, err error) {
	err = s.d.repositories.Use(ctx, s.name, func(r *repo.Repo) error {
		seal, err = repo.AsRemote(r).Objects().Seal(ctx, h)
		return err
	})
	return seal, err
}

// spool returns the folder for what is pushed to a repository.
func (h host) spool(name string) (billy.Filesystem, error) {
	folder, err := h.d.repositories.folder(name)
	if err != nil {
		return nil, err
	}
	at := filepath.Join(folder, repo.SpoolFolder)
	if err := os.MkdirAll(at, 0o777); err != nil {
		return nil, err
	}
	return osfs.New(at, osfs.WithBoundOS()), nil
}
