package main

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"

	"aergo/cmd/aergo/ui"
	"aergo/repo"
	"aergo/repo/object"
	"aergo/repo/shape"
	"aergo/repo/store"
)

type verifiedJSON struct {
	Blocks       uint64 `json:"blocks"`
	Foreign      uint64 `json:"foreign"`
	Transactions uint64 `json:"transactions"`
	Signatures   uint64 `json:"signatures"`
	Excluded     uint64 `json:"excluded"`
	Tags         uint64 `json:"tags"`
	// Beyond and Proved are not there in a clone of all there is.
	Beyond uint64 `json:"beyond,omitempty"`
	Proved uint64 `json:"proved,omitempty"`
}

func newVerify(a *app) *cobra.Command {
	var req repo.VerifyRequest
	c := &cobra.Command{
		Use:   "verify [REV]",
		Short: "Execute every block again and check every signature",
		Long: `Execute every block that a revision leads back to again, from the root, and check that
signatures, verdicts and states are what the blocks say. With --all, everything that
branches and tags lead to.

A clone of the newest blocks is executed from its boundary: the states there are those that
the headers name, and what is before is checked by header. In a clone of some tables nothing
is executed: their rows are checked by proof.`,
		Example:           "  aergo verify\n  aergo verify v1\n  aergo verify --all",
		Args:              wants(0, 1),
		ValidArgsFunction: a.complete(revisionNames),
		RunE: func(c *cobra.Command, args []string) error {
			if len(args) == 1 {
				req.Rev = args[0]
			}
			if req.All && req.Rev != "" {
				return usagef("usage: "+c.UseLine(), "verify: --all takes no revision")
			}
			return a.verify(c.Context(), req)
		},
	}
	c.Flags().BoolVar(&req.All, "all", false, "everything that branches and tags lead to")
	return c
}

func (a *app) verify(ctx context.Context, req repo.VerifyRequest) error {
	return a.withRepository(ctx, func(r repo.Door) error {
		v, err := r.Verify(ctx, req)
		if err != nil {
			return err
		}
		if a.ui.JSON {
			return a.ui.PrintJSON(verifiedJSON{v.Blocks, v.Foreign, v.Transactions, v.Signatures, v.Excluded, v.Tags, v.Beyond, v.Proved})
		}
		line := fmt.Sprintf("Good: %s with %s executed again, %s checked", count(v.Blocks, "block", ""), transactions(v.Transactions), count(v.Signatures, "signature", ""))
		if v.Foreign > 0 {
			line += fmt.Sprintf("; %s of other repositories by hash, link and signature", count(v.Foreign, "block", ""))
		}
		if v.Proved > 0 {
			line = fmt.Sprintf("Good by proof: %s, not executed, %s checked", count(v.Proved, "block", ""), count(v.Signatures, "signature", ""))
		}
		if v.Beyond > 0 {
			line += fmt.Sprintf("; %s before the boundary by header", count(v.Beyond, "block", ""))
		}
		return a.ui.Printf("%s\n", line)
	})
}

type problemJSON struct {
	File   string       `json:"file"`
	Offset int64        `json:"offset"` // in bytes; -1 for the whole file
	What   string       `json:"what"`
	Object *object.Hash `json:"object,omitempty"`
}

type fsckJSON struct {
	Packs      uint64        `json:"packs"`
	Objects    uint64        `json:"objects"`
	Bytes      uint64        `json:"bytes"`
	TornBytes  uint64        `json:"torn_bytes"`
	Reachable  uint64        `json:"reachable"`
	Refs       uint64        `json:"refs"`
	Pools      uint64        `json:"pools"`
	Operations uint64        `json:"operations"`
	Problems   []problemJSON `json:"problems"`
}

func newFsck(a *app) *cobra.Command {
	return &cobra.Command{
		Use:   "fsck",
		Short: "Read every stored byte and say what is damaged",
		Long: `Read everything that is stored, and say what is damaged or missing, by file and offset.
It changes nothing. Exits with 5 if anything is wrong.`,
		Args: wants(0, 0),
		RunE: func(c *cobra.Command, _ []string) error { return a.fsck(c.Context()) },
	}
}

func (a *app) fsck(ctx context.Context) error {
	return a.withRepository(ctx, func(r repo.Door) error {
		f, err := r.Fsck(ctx)
		if err != nil {
			return err
		}
		if err := a.printFsck(f); err != nil || len(f.Problems) == 0 {
			return err
		}
		return hinted("restore what is damaged from a clone or a backup", &damagedError{len(f.Problems)})
	})
}

// damagedError says that fsck found something.
type damagedError struct{ problems int }

func (e *damagedError) Error() string {
	return "repository is damaged: " + count(uint64(e.problems), "problem", "")
}

func (e *damagedError) Unwrap() error { return store.ErrCorrupt }

func (a *app) printFsck(f repo.FsckReport) error {
	if a.ui.JSON {
		out := fsckJSON{f.Packs, f.Objects, f.Bytes, f.TornBytes, f.Reachable, f.Refs, f.Pools, f.Operations, []problemJSON{}}
		for _, p := range f.Problems {
			out.Problems = append(out.Problems, problemJSON{p.File, p.Offset, p.What, shape.Optional(p.Object)})
		}
		return a.ui.PrintJSON(out)
	}
	t := a.ui.Table(ui.Column{Title: "FILE"}, ui.Column{Title: "OFFSET", Right: true}, ui.Column{Title: "PROBLEM"})
	for _, p := range f.Problems {
		offset := ""
		if p.Offset >= 0 {
			offset = fmt.Sprint(p.Offset)
		}
		t.Row(p.File, offset, p.What)
	}
	if err := t.Close(); err != nil {
		return err
	}
	if f.TornBytes > 0 {
		a.ui.Note("%s at an end are left from an interrupted command and do no harm", ui.Bytes(int64(f.TornBytes)))
	}
	word := "Sound"
	if len(f.Problems) > 0 {
		word = "Read"
	}
	return a.ui.Printf("%s: %s in %s, %s; %s, %s\n", word, count(f.Objects, "object", ""), count(f.Packs, "pack", ""),
		ui.Bytes(int64(f.Bytes)), count(f.Refs, "ref", ""), count(f.Operations, "operation", ""))
}

type gcJSON struct {
	BytesBefore   uint64 `json:"bytes_before"`
	BytesAfter    uint64 `json:"bytes_after"`
	ObjectsBefore uint64 `json:"objects_before"`
	ObjectsAfter  uint64 `json:"objects_after"`
	Pools         uint64 `json:"pools"`
}

func newGC(a *app) *cobra.Command {
	return &cobra.Command{
		Use:   "gc",
		Short: "Remove what nothing leads to, and pack the rest",
		Long: `Remove what neither branches, tags, remotes, pending transactions nor operations that can
still be undone lead to, and pack the rest. Doing it twice changes nothing.`,
		Args: wants(0, 0),
		RunE: func(c *cobra.Command, _ []string) error { return a.gc(c.Context()) },
	}
}

func (a *app) gc(ctx context.Context) error {
	return a.withRepository(ctx, func(r repo.Door) error {
		g, err := r.GC(ctx)
		if err != nil {
			return err
		}
		if a.ui.JSON {
			return a.ui.PrintJSON(gcJSON{g.BytesBefore, g.BytesAfter, g.ObjectsBefore, g.ObjectsAfter, g.Pools})
		}
		gone := g.ObjectsBefore - min(g.ObjectsAfter, g.ObjectsBefore)
		return a.ui.Printf("Removed %s; %s before, %s now\n", count(gone, "object", ""), ui.Bytes(int64(g.BytesBefore)), ui.Bytes(int64(g.BytesAfter)))
	})
}
