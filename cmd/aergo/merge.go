package main

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"aergo/cmd/aergo/ui"
	"aergo/repo"
	"aergo/repo/object"
	"aergo/repo/ref"
	"aergo/repo/shape"
)

// mergedJSON is the account of a merge.
type mergedJSON struct {
	Block       object.Hash       `json:"block"`
	Applied     uint64            `json:"applied"` // no-ops and resolved ones included
	Excluded    []shape.Exclusion `json:"excluded"`
	Already     uint64            `json:"already"`
	Inherited   uint64            `json:"inherited"`
	Resolved    uint64            `json:"resolved"`
	FastForward bool              `json:"fast_forward"`
	Target      string            `json:"target"`
	Source      *object.Hash      `json:"source,omitempty"`
	Height      uint64            `json:"height"`
	Noop        uint64            `json:"noop"`
	Dropped     uint64            `json:"dropped"`
	Forced      uint64            `json:"forced"`
	UpToDate    bool              `json:"up_to_date"`
	DryRun      bool              `json:"dry_run"`
	Overruled   []shape.Exclusion `json:"overruled"`
	Needs       []needJSON        `json:"needs,omitempty"`
}

func mergedShape(m repo.Merged) mergedJSON {
	out := mergedJSON{
		Block: m.Block, Applied: m.Applied, Excluded: shape.OfExclusions(m.Excluded), Already: m.Already, Inherited: m.Inherited,
		Resolved: m.Resolved, FastForward: m.FastForward, Target: string(m.Target), Height: m.Height, Noop: m.Noop,
		Dropped: m.Dropped, Forced: m.Forced, UpToDate: m.UpToDate, DryRun: m.DryRun, Overruled: shape.OfExclusions(m.Overruled),
	}
	if len(m.Needs) > 0 {
		out.Needs = needShapes(m.Needs)
	}
	out.Source = shape.Optional(m.Source)
	return out
}

// mergeFlags are the options that every command has that merges.
type mergeFlags struct {
	ours, theirs, strict bool
	message              string
}

func (m *mergeFlags) add(c *cobra.Command) {
	f := c.Flags()
	f.StringVarP(&m.message, "message", "m", "", "`MESSAGE` that says why")
	f.BoolVar(&m.strict, "strict", false, "change nothing and exit with 1 if anything is left out, now or before")
	f.BoolVar(&m.ours, "ours", false, "leave conflicting transactions out for good: ours wins")
	f.BoolVar(&m.theirs, "theirs", false, "force what conflicting transactions do: theirs wins")
	c.MarkFlagsMutuallyExclusive("ours", "theirs", "strict")
}

func (m *mergeFlags) mode() object.Mode {
	switch {
	case m.ours:
		return object.ModeOurs
	case m.theirs:
		return object.ModeTheirs
	}
	return object.ModeExclude
}

func newMerge(a *app) *cobra.Command {
	var flags mergeFlags
	var req repo.MergeRequest
	var into string
	c := &cobra.Command{
		Use:   "merge REV",
		Short: "Bring a branch's transactions to the one that is checked out",
		Long: `Bring every transaction that a branch has and this one lacks here, each with its author's
signature, and run it again. What conflicts is excluded, with the reason, and never lost:
aergo excluded lists it. Numbers that both sides added to add up, changes of different
fields of a row both apply, and equal changes agree.`,
		Example:           "  aergo merge feature\n  aergo merge feature --dry-run\n  aergo merge master --into feature --strict",
		Args:              wants(1, 1),
		ValidArgsFunction: a.complete(revisionNames),
		RunE: func(c *cobra.Command, args []string) error {
			req.Source, req.Mode, req.Strict, req.Message = args[0], flags.mode(), flags.strict, flags.message
			return a.merge(c.Context(), req, into)
		},
	}
	flags.add(c)
	c.Flags().StringVar(&into, "into", "", "merge into `BRANCH`, not into what is checked out")
	c.Flags().BoolVarP(&req.DryRun, "dry-run", "n", false, "say what would happen and change nothing")
	_ = c.RegisterFlagCompletionFunc("into", a.complete(branchNames))
	return c
}

func (a *app) merge(ctx context.Context, req repo.MergeRequest, into string) error {
	return a.withRepository(ctx, func(r repo.Door) error {
		if into != "" {
			name, err := ref.ParseName(into)
			if err != nil {
				return err
			}
			req.Into = name
		}
		a.collectAt(lavishGCPercent)
		m, err := r.Merge(ctx, req)
		if err != nil && !errors.Is(err, repo.ErrConflict) {
			return meantName(ctx, r, req.Source, revisionNames, err)
		}
		about := account{what: req.Source, verb: merging(), refused: err != nil, into: into}
		if a.ui.IsTerminal && !a.ui.JSON && len(m.Excluded) > 0 {
			if printErr := a.tellMerged(ctx, r, m, about); printErr != nil {
				return printErr
			}
			return refusedMerge(m, into, err)
		}
		// A merge that is refused for its conflicts has an account all the same.
		if printErr := a.printMerged(m, about); printErr != nil {
			return printErr
		}
		return refusedMerge(m, into, err)
	})
}

// account says what an account of transactions is about.
type account struct {
	what    string // where they come from, as typed
	verb    verb
	refused bool   // nothing was changed
	into    string // the branch, if it is named and not what is checked out
}

// verb is a way to bring transactions to a branch, in words.
type verb struct{ past, base, into string }

// The verbs.
func merging() verb   { return verb{"Merged", "merge", "into"} }
func pushing() verb   { return verb{"Pushed", "push", "into"} }
func picking() verb   { return verb{"Picked", "pick", "into"} }
func replaying() verb { return verb{"Replayed", "replay", "on"} }
func dropping() verb  { return verb{"Dropped", "drop", "on"} }

func (a *app) printMerged(m repo.Merged, about account) error {
	if a.ui.JSON {
		return a.ui.PrintJSON(mergedShape(m))
	}
	if err := a.ui.Printf("%s\n", mergedLine(m, about)); err != nil {
		return err
	}
	if len(m.Excluded) > 0 {
		if err := printExclusions(a.ui, m.Excluded, exclusionRowsMax); err != nil {
			return err
		}
	}
	if err := a.printNeeds(m.Needs); err != nil {
		return err
	}
	return a.printOverruled(m, about)
}

// tellMerged is printMerged for people at a terminal when something was left out: it says
// whose work stood in the way, and what to type next.
func (a *app) tellMerged(ctx context.Context, r repo.Door, m repo.Merged, about account) error {
	if err := a.ui.Printf("%s\n\n", mergedLine(m, about)); err != nil {
		return err
	}
	list, err := r.InTheWay(ctx, m, exclusionRowsMax)
	if err != nil {
		return err
	}
	if err := printLeftOut(a.ui, list, len(m.Excluded)); err != nil {
		return err
	}
	if err := a.printOverruled(m, about); err != nil {
		return err
	}
	return a.ui.Printf("\n%s\n", nextAfter(m, about))
}

// nextAfter is what to type after a merge that left something out.
func nextAfter(m repo.Merged, about account) string {
	if m.DryRun || about.refused {
		into := about.into
		if into != "" {
			into = " --into " + into
		}
		return "next: aergo merge " + ui.Clean(about.what) + into + " to take what applies; the rest is kept, excluded"
	}
	return "next: aergo excluded show " + m.Excluded[0].Transaction.String()
}

// mergedLine is the account in one line.
func mergedLine(m repo.Merged, about account) string {
	overruled := overruledPart(m, about)
	if m.UpToDate {
		if overruled != "" {
			return fmt.Sprintf("Nothing to do: %s has decided all of %s, %s", m.Target, about.what, overruled)
		}
		return fmt.Sprintf("Nothing to do: %s has all of %s", m.Target, about.what)
	}
	nothingDone := m.DryRun || about.refused
	n, done := m.Applied, about.verb.past
	if about.verb == dropping() {
		n, m.Dropped = m.Dropped, 0
	}
	if nothingDone {
		done = "Would " + about.verb.base
	}
	line := fmt.Sprintf("%s %s %s %s", done, transactions(n), about.verb.into, m.Target)
	switch {
	case nothingDone:
	case m.FastForward:
		line += " by moving it to " + m.Block.Short()
	default:
		line += " as " + m.Block.Short()
	}
	var rest []string
	for _, part := range []struct {
		n    uint64
		word string
	}{
		{m.Resolved, "resolved"}, {m.Forced, "forced"}, {m.Already, "here already"}, {m.Inherited, "excluded there already"}, {m.Dropped, "dropped there"},
	} {
		if part.n > 0 {
			rest = append(rest, number(part.n)+" "+part.word)
		}
	}
	if n := uint64(len(m.Excluded)); n > 0 {
		excluded := number(n) + " excluded"
		if !nothingDone {
			excluded += ": aergo excluded list"
		}
		rest = append(rest, excluded)
	}
	if overruled != "" {
		rest = append(rest, overruled)
	}
	return strings.Join(append([]string{line}, rest...), ", ")
}
