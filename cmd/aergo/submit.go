package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"aergo/cmd/aergo/ui"
	"aergo/repo"
	"aergo/repo/object"
	"aergo/repo/ref"
	"aergo/repo/shape"
)

// submittedJSON is what a submission was, and what became of it.
type submittedJSON struct {
	shape.Submitted
	Transactions uint64 `json:"transactions"`
	Unchanged    uint64 `json:"unchanged"`
}

// submitFlags are the options of submit.
type submitFlags struct {
	repo.SubmitRequest
	branch string
	until  string // what to wait for
	status string // the batch to ask after
	strict bool
}

// What submit waits for.
const (
	untilReceipt = "receipt"
	untilBlock   = "block"
)

func newSubmit(a *app) *cobra.Command {
	var f submitFlags
	c := &cobra.Command{
		Use:   "submit FILE.jsonl|- | submit --status BATCH",
		Short: "Hand operations to a branch, and get a signed receipt at once",
		Long: `Sign operations, one transaction on each line as aergo apply reads them, and hand them to a
branch as one batch: of a remote, or without --to of this repository. They are written on the
branch as it was last fetched. Nothing here changes.

Who owns the branch runs them behind all that it has accepted before, and answers within
milliseconds with a signed receipt of what becomes of each. A block follows. If it differs from
the receipt, since the branch has moved in between, --wait=block and --status say so and exit
with 1.`,
		Example: `  aergo submit changes.jsonl --to origin -m "Counted"
  generate | aergo submit - --to origin --branch stock --wait=block
  aergo submit --status 3f2a9c1e... --to origin`,
		Args: func(c *cobra.Command, args []string) error {
			if f.status != "" {
				return wants(0, 0)(c, args)
			}
			return wants(1, 1)(c, args)
		},
		RunE: func(c *cobra.Command, args []string) error {
			if f.until != untilReceipt && f.until != untilBlock {
				return usagef("--wait=receipt or --wait=block", "submit waits for a receipt or for a block, not for %q", f.until)
			}
			if f.branch != "" {
				name, err := ref.ParseName(f.branch)
				if err != nil {
					return err
				}
				f.Branch = name
			}
			f.Wait = f.until == untilBlock
			if f.status != "" {
				return a.followSubmission(c.Context(), f)
			}
			return a.submit(c.Context(), args[0], f)
		},
	}
	flags := c.Flags()
	flags.StringVar(&f.Remote, "to", "", "submit to a branch of `REMOTE`, a remote's name or its address")
	flags.StringVar(&f.branch, "branch", "", "`BRANCH` that is to have it (default: the name of what is checked out)")
	flags.StringVarP(&f.Message, "message", "m", "", "`MESSAGE` that says why")
	flags.StringVar(&f.until, "wait", untilReceipt, "answer with the `receipt`, or wait for the block")
	flags.BoolVar(&f.strict, "strict", false, "exit with 1 if anything is left out")
	flags.StringVar(&f.status, "status", "", "say what became of `BATCH`")
	_ = c.RegisterFlagCompletionFunc("to", a.complete(remoteNames))
	_ = c.RegisterFlagCompletionFunc("branch", a.complete(branchNames))
	return c
}

func (a *app) submit(ctx context.Context, file string, f submitFlags) error {
	return a.withRepository(ctx, func(r repo.Door) error {
		in, err := a.input(file)
		if err != nil {
			return err
		}
		defer in.Close()
		out, err := r.SubmitLines(ctx, in, f.SubmitRequest)
		if err != nil {
			return fetchFirst(f, inFile(file, err))
		}
		if a.ui.JSON {
			err = a.ui.PrintJSON(submittedJSON{shape.OfSubmitted(out.Submitted), out.Transactions, out.Unchanged})
		} else {
			if out.Unchanged > 0 {
				a.ui.Note("%s would change nothing", number(out.Unchanged))
			}
			err = a.printSubmitted(out.Submitted)
		}
		return errors.Join(err, f.answer(out.Submitted))
	})
}

// fetchFirst gives an error a better hint if the branch is not known here.
func fetchFirst(f submitFlags, err error) error {
	if f.Remote != "" && errors.Is(err, ref.ErrNotFound) {
		return hinted("aergo fetch "+f.Remote, err)
	}
	return err
}

func (a *app) followSubmission(ctx context.Context, f submitFlags) error {
	batch, err := object.ParseHash(f.status)
	if err != nil {
		return err
	}
	return a.withRepository(ctx, func(r repo.Door) error {
		out, err := r.Followed(ctx, f.Remote, f.Branch, batch, f.Wait)
		if err != nil {
			return err
		}
		if a.ui.JSON {
			err = a.ui.PrintJSON(shape.OfSubmitted(out))
		} else {
			err = a.printSubmitted(out)
		}
		return errors.Join(err, f.answer(out))
	})
}

// answer is no if a promise was not kept or, when that matters, something is left out.
func (f *submitFlags) answer(out repo.Submitted) error {
	if out.Changed || f.strict && len(out.Exclusions()) > 0 {
		return errNo
	}
	return nil
}

func (a *app) printSubmitted(s repo.Submitted) error {
	excluded := s.Exclusions()
	counts := transactions(shape.OfSubmitted(s).Applied)
	if len(excluded) > 0 {
		counts += ", " + number(uint64(len(excluded))) + " excluded"
	}
	var line string
	switch s.State {
	case repo.SubmissionAccepted:
		line = fmt.Sprintf("Accepted on %s: %s; batch %s waits for its block", s.Branch, counts, s.Batch)
	case repo.SubmissionSealed:
		line = fmt.Sprintf("Block %s of %s, at height %d, has batch %s: %s", s.Block.Short(), s.Branch, s.Height, s.Batch, counts)
	case repo.SubmissionRefused:
		line = fmt.Sprintf("No block of %s will have batch %s: %s", s.Branch, s.Batch, ui.Clean(s.Refusal))
	default:
		line = fmt.Sprintf("The block of %s that had batch %s was undone", s.Branch, s.Batch)
	}
	if err := a.ui.Printf("%s\n", line); err != nil {
		return err
	}
	if r := s.Receipt; r != nil {
		a.ui.Detail("receipt %s by %s, on block %s behind %s", r.ID.Short(), ui.Clean(who(r.Producer)), r.Base.Block.Short(), count(r.Position, "batch", "batches"))
		if s.Changed {
			a.ui.Note("its receipt promised something else: %s applied", transactions(shape.OfSubmitted(s).Receipt.Applied))
		}
	}
	return printExclusions(a.ui, excluded, exclusionRowsMax)
}
