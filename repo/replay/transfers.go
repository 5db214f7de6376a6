package replay

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io/fs"
	"strings"

	"aergo/contract/value"
	"aergo/repo"
	"aergo/repo/object"
	"aergo/repo/ref"
)

// Transfers is a series of payments between accounts, in blocks.
type Transfers struct {
	Opening []Balance
	Blocks  []TransferBlock // those with transfers, in order
	Final   []Balance
}

// Balance is what an account holds of an asset.
type Balance struct {
	Asset, Account string
	Balance        json.Number
}

// TransferBlock is a block of transfers, and the digest of all balances after it that are
// not zero.
type TransferBlock struct {
	Number    uint64
	Transfers []Transfer
	Digest    Digest
	NonZero   uint64
}

// Transfer moves an amount of an asset.
type Transfer struct{ Asset, From, To, Amount string }

// balances is the table that transfers are replayed in.
const (
	balances     = "balances"
	balanceField = "balance"
)

// LoadTransfers reads transfers from their folder. It fails with ErrBadCase or with the
// folder's error.
func LoadTransfers(folder fs.FS) (*Transfers, error) {
	t := &Transfers{}
	byNumber := map[uint64][]Transfer{}
	for _, part := range []struct {
		file string
		read func(line []byte) error
	}{
		{"opening.jsonl.zst", readBalance(&t.Opening)},
		{"final.jsonl.zst", readBalance(&t.Final)},
		{"transfers.jsonl.zst", func(line []byte) error {
			var in struct {
				Block uint64
				Transfer
			}
			if err := json.Unmarshal(line, &in); err != nil {
				return bad("%w", err)
			}
			if !isAmount(in.Amount) {
				return bad("amount %.80q", in.Amount)
			}
			byNumber[in.Block] = append(byNumber[in.Block], in.Transfer)
			return nil
		}},
		{"blocks.jsonl", func(line []byte) error { return t.readBlock(line, byNumber) }},
	} {
		data, err := readFile(folder, part.file)
		if err == nil {
			err = lines(part.read)(data)
		}
		if err != nil {
			return nil, fmt.Errorf("%s: %w", part.file, err)
		}
	}
	if len(byNumber) > 0 {
		return nil, fmt.Errorf("transfers.jsonl.zst: %w", bad("%d blocks are not in blocks.jsonl", len(byNumber)))
	}
	return t, nil
}

func readBalance(to *[]Balance) func(line []byte) error {
	return func(line []byte) error {
		var b Balance
		if err := json.Unmarshal(line, &b); err != nil {
			return bad("%w", err)
		}
		if !isAmount(string(b.Balance)) {
			return bad("balance %.80q", b.Balance)
		}
		*to = append(*to, b)
		return nil
	}
}

// isAmount says whether s is an integer in plain form that is not negative.
func isAmount(s string) bool { return !strings.HasPrefix(s, "-") && value.IsInteger([]byte(s)) }

func (t *Transfers) readBlock(line []byte, transfers map[uint64][]Transfer) error {
	var in struct {
		Block   uint64
		Digest  *Digest
		NonZero uint64 `json:"nonzero_balances"`
	}
	if err := json.Unmarshal(line, &in); err != nil {
		return bad("%w", err)
	}
	moved := transfers[in.Block]
	delete(transfers, in.Block)
	if (in.Digest == nil) != (len(moved) == 0) {
		return bad("block %d has %d transfers, and a digest that does not fit", in.Block, len(moved))
	}
	if len(moved) > 0 {
		t.Blocks = append(t.Blocks, TransferBlock{Number: in.Block, Transfers: moved, Digest: *in.Digest, NonZero: in.NonZero})
	}
	return nil
}

// TransferReport says what a replay of transfers came to.
type TransferReport struct {
	Blocks    int
	Transfers uint64
	Unchanged uint64 // transfers of nothing, or to oneself, which no transaction is made for
	Merged    uint64 // transactions that merges applied
	Excluded  uint64 // and that they did not
	Accounts  uint64 // rows at the end, those that hold nothing too
}

// RunTransfers replays transfers in a new repository, each as one transaction that takes
// the amount from one row and adds it to another, and checks the balances after every
// block and at the end. With sides above 1 each block's transfers are dealt out to as many
// branches, which are then merged: sums commute, so that the balances must be the same.
func RunTransfers(ctx context.Context, r *repo.Repo, t *Transfers, sides int) (*TransferReport, error) {
	p := &payer{repo: r, report: &TransferReport{}}
	if err := p.open(ctx, t.Opening); err != nil {
		return p.report, fmt.Errorf("opening balances: %w", err)
	}
	for i := range t.Blocks {
		b := &t.Blocks[i]
		if err := p.block(ctx, b, max(sides, 1)); err != nil {
			return p.report, fmt.Errorf("block %d: %w", b.Number, err)
		}
		p.report.Blocks++
	}
	return p.report, p.checkFinal(ctx, t.Final)
}

// payer replays transfers.
type payer struct {
	repo   *repo.Repo
	report *TransferReport
	digest Digest
	count  uint64
	head   object.Hash
}

// open makes the rows of the opening balances.
func (p *payer) open(ctx context.Context, opening []Balance) error {
	root, err := p.repo.Resolve(ctx, "HEAD")
	if err != nil {
		return err
	}
	p.head = root.ID
	var ops bytes.Buffer
	for _, b := range opening {
		fmt.Fprintf(&ops, `{"op":"insert","table":%q,"key":[%q,%q],"fields":{%q:%s}}`+"\n", balances, b.Asset, b.Account, balanceField, b.Balance)
	}
	if _, err := p.repo.ApplyLines(ctx, &ops); err != nil {
		return err
	}
	if _, err := p.repo.Commit(ctx, repo.CommitRequest{Message: "Opening balances"}); err != nil {
		return err
	}
	return p.follow(ctx)
}

// block replays one block.
func (p *payer) block(ctx context.Context, b *TransferBlock, sides int) error {
	for side := range sides {
		if side > 0 {
			if _, err := p.repo.CheckoutNew(ctx, sideName(b, side), p.head.String()); err != nil {
				return err
			}
		}
		if err := p.pay(ctx, b, side, sides); err != nil {
			return err
		}
	}
	for side := 1; side < sides; side++ {
		if _, err := p.repo.Checkout(ctx, repo.DefaultBranch); err != nil {
			return err
		}
		m, err := p.repo.Merge(ctx, repo.MergeRequest{Source: string(sideName(b, side))})
		if err != nil {
			return err
		}
		p.report.Merged += m.Applied
		p.report.Excluded += uint64(len(m.Excluded))
	}
	if err := p.follow(ctx); err != nil {
		return err
	}
	if p.digest != b.Digest || p.count != b.NonZero {
		return differs(balances, Facts{p.count, p.digest}, Facts{b.NonZero, b.Digest})
	}
	return nil
}

func sideName(b *TransferBlock, side int) ref.Name {
	return ref.Name(fmt.Sprintf("block-%d-side-%d", b.Number, side))
}

// pay commits every sides-th transfer of a block, from the side-th on.
func (p *payer) pay(ctx context.Context, b *TransferBlock, side, sides int) error {
	const incr = `{"op":"incr","table":%q,"key":[%q,%q],"fields":{%q:%s}}`
	var ops bytes.Buffer
	for i := side; i < len(b.Transfers); i += sides {
		t := &b.Transfers[i]
		minus := "-" + t.Amount
		if t.Amount == "0" {
			minus = t.Amount
		}
		ops.WriteString(`{"tx":[`)
		fmt.Fprintf(&ops, incr, balances, t.Asset, t.From, balanceField, minus)
		fmt.Fprintf(&ops, ","+incr+"]}\n", balances, t.Asset, t.To, balanceField, t.Amount)
	}
	did, err := p.repo.ApplyLines(ctx, &ops)
	if err != nil {
		return err
	}
	p.report.Transfers += did.Transactions
	p.report.Unchanged += did.Unchanged
	_, err = p.repo.Commit(ctx, repo.CommitRequest{Message: fmt.Sprintf("Block %d", b.Number), AllowEmpty: true})
	return err
}

// follow brings the digest up to the head of what is checked out, by what the repository
// says has changed.
func (p *payer) follow(ctx context.Context) error {
	head, err := p.repo.Resolve(ctx, "HEAD")
	if err != nil {
		return err
	}
	err = p.repo.Diff(ctx, p.head.String(), head.ID.String(), balances, func(d repo.Difference) error {
		for _, f := range d.Fields {
			if f.Name != balanceField {
				continue
			}
			k := Key(d.Key)
			p.count -= p.note(k, f.Old, (*Digest).Remove)
			p.count += p.note(k, f.New, (*Digest).Add)
		}
		return nil
	})
	p.head = head.ID
	return err
}

// note changes the digest by a balance, and returns 1 if it counts.
func (p *payer) note(k Key, balance []byte, change func(*Digest, []byte)) uint64 {
	n, ok := value.AsNumber(balance)
	if !ok || n.Coefficient.Sign() == 0 || len(k) != 2 {
		return 0
	}
	change(&p.digest, balanceLine(k, balance))
	return 1
}

// balanceLine is what stands in the digest for a balance.
func balanceLine(k Key, balance []byte) []byte {
	asset, _ := k[0].Text()
	account, _ := k[1].Text()
	return value.AppendPlain([]byte(asset+"\t"+account+"\t"), balance)
}

// checkFinal compares every row with the final balances. A row that they do not name
// holds nothing.
func (p *payer) checkFinal(ctx context.Context, final []Balance) error {
	want := map[string]bool{}
	for _, b := range final {
		want[b.Asset+"\t"+b.Account+"\t"+string(b.Balance)] = true
	}
	t := &Table{Name: balances}
	err := reader{p.repo}.rows(ctx, t, "HEAD", func(row Row) error {
		p.report.Accounts++
		enc := row.field(balanceField)
		n, ok := value.AsNumber(enc)
		if !ok || len(row.Key) != 2 {
			return fmt.Errorf("row %s: %w: it has no balance", row.Key, ErrDiffers)
		}
		line := string(balanceLine(row.Key, enc))
		if n.Coefficient.Sign() != 0 && !want[line] {
			return fmt.Errorf("final balance %q: %w", line, ErrDiffers)
		}
		delete(want, line)
		return nil
	})
	if err == nil && len(want) > 0 {
		err = fmt.Errorf("final balances: %w: %d are missing", ErrDiffers, len(want))
	}
	return err
}
