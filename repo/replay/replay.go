package replay

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"

	"aergo/contract/table"
	"aergo/repo"
	"aergo/repo/object"
	"aergo/repo/ref"
)

// ErrDiffers is wrapped when the repository does not say what the history says.
var ErrDiffers = errors.New("state differs from the history's")

// player replays one history.
type player struct {
	reader
	history *History
	report  *Report
	blocks  []object.Hash      // of each commit played
	tips    map[int]ref.Name   // branches whose head is a commit that no child has continued
	waiting []int              // children of each commit that have not been played
	found   []map[string]Facts // tables at each commit played, by the repository
	here    ref.Name           // what is checked out
}

// Run replays a history in a new repository that has the keys of its authors (see
// NewRepository). It stops with ErrDiffers at the first commit whose tables are not as
// they were; the report says how far it came in any case.
func Run(ctx context.Context, r *repo.Repo, h *History) (*Report, error) {
	p := &player{
		reader: reader{r}, history: h, report: &Report{Name: h.Name}, tips: map[int]ref.Name{},
		waiting: make([]int, len(h.Commits)), here: repo.DefaultBranch,
	}
	for i := range h.Commits {
		for _, parent := range h.Commits[i].Parents {
			p.waiting[parent]++
		}
	}
	for i := range h.Commits {
		if err := p.play(ctx, i); err != nil {
			return p.report, fmt.Errorf("commit %d (%.8s): %w", i, h.Commits[i].ID, err)
		}
	}
	return p.report, p.checkFinal(ctx)
}

// play does one commit and checks what it came to.
func (p *player) play(ctx context.Context, i int) error {
	c := &p.history.Commits[i]
	before, err := p.goTo(ctx, i)
	if err != nil {
		return err
	}
	var after object.Hash
	if len(c.Parents) == 2 {
		after, err = p.merge(ctx, i, before)
	} else {
		after, err = p.commit(ctx, i, before, false)
	}
	if err != nil {
		return err
	}
	p.blocks = append(p.blocks, after)
	p.tips[i] = p.here
	p.report.Commits++
	p.report.Head = after
	if err := p.check(ctx, i, before); err != nil {
		return err
	}
	return p.clean(ctx, c.Parents)
}

// goTo checks out a branch whose head is the first parent: the parent's own if no other
// child has continued it, else a new one. It returns the head.
func (p *player) goTo(ctx context.Context, i int) (object.Hash, error) {
	c := &p.history.Commits[i]
	if len(c.Parents) == 0 {
		b, err := p.repo.Resolve(ctx, "HEAD")
		return b.ID, err
	}
	parent := c.Parents[0]
	name, free := p.tips[parent]
	if !free {
		name = ref.Name(fmt.Sprintf("c%d", i))
		_, err := p.repo.CheckoutNew(ctx, name, p.blocks[parent].String())
		p.here = name
		p.report.Branches++
		return p.blocks[parent], err
	}
	delete(p.tips, parent)
	if name != p.here {
		if _, err := p.repo.Checkout(ctx, name); err != nil {
			return object.Hash{}, err
		}
		p.here = name
	}
	return p.blocks[parent], nil
}

// commit makes of the rows that differ from the first parent, or from what a merge came
// to, a commit of its author. It returns the new head.
func (p *player) commit(ctx context.Context, i int, head object.Hash, byHand bool) (object.Hash, error) {
	c := &p.history.Commits[i]
	var steps []table.Spec
	var edits []string
	for _, ch := range c.Changes {
		for _, want := range ch.rows() {
			now, err := p.row(ctx, ch.Table, want.Key, head)
			if err != nil {
				return head, err
			}
			if s, differs := ch.Table.step(&now, &want); differs {
				steps, edits = append(steps, s), append(edits, edit(ch.Table, &now, &want))
			}
		}
	}
	if byHand {
		undone, undoings, err := p.undone(ctx, i, head)
		if err != nil {
			return head, err
		}
		if steps = append(steps, undone...); len(steps) == 0 {
			return head, nil
		}
		p.report.Merges[len(p.report.Merges)-1].HandEdits = append(edits, undoings...)
	}
	return p.sign(ctx, c, steps)
}

// rows returns every row that a change names, as it is to be.
func (ch *Change) rows() []Row {
	rows := slices.Clip(ch.Put)
	for _, k := range ch.Del {
		rows = append(rows, Row{Key: k})
	}
	return rows
}

// sign commits steps, one transaction each, in the name of the author.
func (p *player) sign(ctx context.Context, c *Commit, steps []table.Spec) (object.Hash, error) {
	if len(steps) > 0 {
		transactions := make([][]table.Spec, len(steps))
		for i := range steps {
			transactions[i] = steps[i : i+1]
		}
		did, err := p.repo.Apply(ctx, "apply", transactions)
		if err != nil {
			return object.Hash{}, err
		}
		if did.Unchanged > 0 {
			return object.Hash{}, fmt.Errorf("%w: %d of %d transactions would change nothing", ErrDiffers, did.Unchanged, len(steps))
		}
	}
	made, err := p.repo.Commit(ctx, repo.CommitRequest{Message: c.Message, As: c.Author, Date: c.Date, AllowEmpty: true})
	p.report.Transactions += made.Transactions
	return made.Block, err
}

// check compares the tables at a commit with the history, going on from what the first
// parent came to by what the repository says has changed.
func (p *player) check(ctx context.Context, i int, before object.Hash) error {
	c := &p.history.Commits[i]
	found := map[string]Facts{}
	if len(c.Parents) > 0 {
		found = maps.Clone(p.found[c.Parents[0]])
	}
	var line []byte
	err := p.changed(ctx, p.history, before, p.blocks[i], func(t *Table, before, after Row) error {
		f := found[t.Name]
		if before.Exists {
			f.Rows--
			line = t.appendCanonical(line[:0], &before)
			f.Digest.Remove(line)
		}
		if after.Exists {
			f.Rows++
			line = t.appendCanonical(line[:0], &after)
			f.Digest.Add(line)
		}
		found[t.Name] = f
		return nil
	})
	if err != nil {
		return err
	}
	p.found = append(p.found, found)
	for _, t := range p.history.Tables {
		if found[t.Name] != c.Tables[t.Name] {
			return differs(t.Name, found[t.Name], c.Tables[t.Name])
		}
	}
	return p.checkCounts(ctx, c)
}

func differs(table string, got, want Facts) error {
	return fmt.Errorf("table %s: %w: %d rows of digest %s, want %d of %s", table, ErrDiffers, got.Rows, got.Digest, want.Rows, want.Digest)
}

// checkCounts compares the numbers of rows that the repository counts itself.
func (p *player) checkCounts(ctx context.Context, c *Commit) error {
	tables, err := p.repo.Tables(ctx, "HEAD")
	if err != nil {
		return err
	}
	counted := map[string]uint64{}
	for _, t := range tables {
		counted[t.Name] = t.Rows
	}
	for _, t := range p.history.Tables {
		if counted[t.Name] != c.Tables[t.Name].Rows {
			return fmt.Errorf("table %s: %w: %d rows are counted, want %d", t.Name, ErrDiffers, counted[t.Name], c.Tables[t.Name].Rows)
		}
	}
	return nil
}

// clean deletes the branches of parents that no further child will continue. The
// repository refuses if it does not find them merged.
func (p *player) clean(ctx context.Context, parents []int) error {
	for _, parent := range parents {
		p.waiting[parent]--
		name, free := p.tips[parent]
		if p.waiting[parent] > 0 || !free || name == p.here {
			continue
		}
		delete(p.tips, parent)
		if _, err := p.repo.DeleteBranch(ctx, name, false); err != nil {
			return err
		}
	}
	return nil
}

// checkFinal compares the tables at the last commit with the history's, row for row.
func (p *player) checkFinal(ctx context.Context) error {
	for i := range p.history.Tables {
		t := &p.history.Tables[i]
		if err := CheckFinal(ctx, p.repo, p.history, t); err != nil {
			return fmt.Errorf("final table %s: %w", t.Name, err)
		}
	}
	return nil
}
