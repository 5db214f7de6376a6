package repo

import (
	"errors"
	"flag"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"aergo/merge/oracle"
	"aergo/repo/object"
	"aergo/repo/ref"
)

// Flags of the long runs, such as
//
//	go test ./repo -run Oracle -histories 100 -steps 2000 -timeout 2h
var (
	oracleHistories = flag.Int("histories", 6, "random histories to compare with the oracle")
	oracleSteps     = flag.Int("steps", 90, "operations in each of them")
	oracleSeed      = flag.Uint64("history-seed", 0, "the first history's seed; 0 for one by the clock")
)

// twin is a repository and what the oracle knows of it.
type twin struct {
	r       *Repo
	path    string
	owner   string
	writers map[string]bool // whose blocks may stand here
	heads   map[ref.Name]*oracle.Block
	names   []ref.Name // of heads, in the order of their making
	at      ref.Name
}

func (tw *twin) head() *oracle.Block { return tw.heads[tw.at] }

func (tw *twin) set(name ref.Name, b *oracle.Block) {
	if tw.heads[name] == nil {
		tw.names = append(tw.names, name)
	}
	tw.heads[name] = b
}

// mayStand says whose blocks may stand in the twin's chains.
func (tw *twin) mayStand(producer string) bool { return tw.writers[producer] }

// trial is one random history, done twice: by repositories, through the door, and by the
// oracle. After every operation they are compared.
type trial struct {
	t      testing.TB
	rng    *rand.Rand
	w      *world
	twins  []*twin
	blocks map[object.Hash]*oracle.Block
	batch  map[string][]*oracle.Tx
	keys   int // rows that operations are about
	branch int // branches in a repository, at most
	step   int
	log    []string
	seen   map[string]int // what came about, by kind
}

func newTrial(t testing.TB, seed uint64) *trial {
	tr := &trial{
		t: t, rng: rand.New(rand.NewPCG(seed, 7)), w: newWorld(t, false), blocks: map[object.Hash]*oracle.Block{},
		batch: map[string][]*oracle.Tx{}, seen: map[string]int{},
	}
	tr.keys, tr.branch = 3+tr.rng.IntN(20), 2+tr.rng.IntN(24)
	r := tr.w.init("up", "ada")
	up := &twin{r: r, path: "up", owner: "ada", writers: map[string]bool{"ada": true}, heads: map[ref.Name]*oracle.Block{}, at: DefaultBranch}
	root := oracle.Root(tr.hash(up).String(), "ada")
	tr.blocks[tr.hash(up)] = root
	up.set(DefaultBranch, root)
	tr.twins = append(tr.twins, up)
	return tr
}

// hash returns what a repository says its head is.
func (tr *trial) hash(tw *twin) object.Hash {
	tr.t.Helper()
	return head(tr.t, tw.r)
}

func (tr *trial) note(format string, args ...any) {
	tr.log = append(tr.log, fmt.Sprintf("%3d  ", tr.step)+fmt.Sprintf(format, args...))
}

// fail ends the trial with the story of how it came there.
func (tr *trial) fail(format string, args ...any) {
	tr.t.Helper()
	from := max(0, len(tr.log)-4000)
	tr.t.Fatalf("step %d: %s\n%s", tr.step, fmt.Sprintf(format, args...), strings.Join(tr.log[from:], "\n"))
}

func (tr *trial) must(err error) {
	tr.t.Helper()
	if err != nil {
		tr.fail("%v", err)
	}
}

// run does so many steps.
func (tr *trial) run(steps int) {
	tr.t.Helper()
	for tr.step = 1; tr.step <= steps; tr.step++ {
		tw := tr.twins[tr.rng.IntN(len(tr.twins))]
		tr.checkout(tw, tw.names[tr.rng.IntN(len(tw.names))])
		switch n := tr.rng.IntN(100); {
		case n < 44 || tr.step < 3:
			tr.work(tw)
		case n < 52:
			tr.newBranch(tw)
		case n < 76:
			tr.mergeLocal(tw)
		case n < 81:
			tr.pick(tw)
		case n < 86:
			tr.revert(tw)
		case n < 89:
			tr.replay(tw)
		case n < 91:
			tr.drop(tw)
		case n < 93:
			tr.undoneMerge(tw)
		default:
			tr.exchange(tw)
		}
	}
}

func (tr *trial) checkout(tw *twin, name ref.Name) {
	tr.t.Helper()
	if tw.at != name {
		_, err := tw.r.Checkout(tr.t.Context(), name)
		tr.must(err)
		tw.at = name
	}
}

// work commits a few random transactions.
func (tr *trial) work(tw *twin) {
	tr.t.Helper()
	d := oracle.NewDraft(tw.head().State)
	for range 1 + tr.rng.IntN(5) {
		wants := tr.randomOps()
		tr.apply(tw, d, wants)
	}
	tr.commit(tw, d)
}

// apply prepares one transaction on both sides.
func (tr *trial) apply(tw *twin, d *oracle.Draft, wants []oracle.Op) {
	tr.t.Helper()
	line := lineOf(wants)
	kept, refused := d.Do(wants)
	got, err := tw.r.ApplyLines(tr.t.Context(), strings.NewReader(line))
	if err != nil && !isRefusal(err) {
		tr.fail("apply %s: %v", line, err)
	}
	note := line
	switch {
	case refused != nil:
		note += "  (refused)"
	case !kept:
		note += "  (changes nothing)"
	}
	tr.note("%s:%s  %s", tw.path, tw.at, note)
	if (err != nil) != (refused != nil) || err == nil && (got.Transactions == 1) != kept {
		tr.fail("apply answers %+v, %v; the oracle keeps it: %v, %v", got, err, kept, refused)
	}
}

// commit signs what is prepared.
func (tr *trial) commit(tw *twin, d *oracle.Draft) {
	tr.t.Helper()
	author := []string{"", "ada", "bob", "mallory"}[tr.rng.IntN(4)]
	got, err := tw.r.Commit(tr.t.Context(), CommitRequest{Message: "work", AllowEmpty: true, As: author})
	tr.must(err)
	if int(got.Transactions) != len(d.Txs) {
		tr.fail("committed %d transactions, the oracle %d", got.Transactions, len(d.Txs))
	}
	tr.note("%s:%s  commit %s as %s", tw.path, tw.at, got.Batch.Short(), got.Block.Short())
	tr.named(got.Batch, d.Txs)
	tr.moved(tw, tw.at, oracle.Commit(tw.head(), tw.owner, d.Txs))
}

// named tells the oracle what a batch is called.
func (tr *trial) named(batch object.Hash, txs []*oracle.Tx) {
	for _, tx := range txs {
		tx.ID.Batch = batch.String()
	}
	if len(txs) > 0 {
		tr.batch[batch.String()] = txs
	}
}

func (tr *trial) newBranch(tw *twin) {
	tr.t.Helper()
	if len(tw.names) >= tr.branch {
		tr.work(tw)
		return
	}
	name := ref.Name(fmt.Sprintf("b%d", tr.step))
	// Now and then it begins at an old block.
	at, from := "", tw.head()
	if chain := from.Chain(); tr.rng.IntN(3) == 0 {
		from = chain[tr.rng.IntN(len(chain))]
		at = from.Name
	}
	_, err := tw.r.CheckoutNew(tr.t.Context(), name, at)
	tr.must(err)
	tr.note("%s:%s  branch %s at %.8s", tw.path, tw.at, name, from.Name)
	tw.set(name, from)
	tw.at = name
	tr.compare(tw, name)
}

// other returns a branch that is not checked out.
func (tr *trial) other(tw *twin) (ref.Name, bool) {
	if len(tw.names) < 2 {
		return "", false
	}
	for {
		if name := tw.names[tr.rng.IntN(len(tw.names))]; name != tw.at {
			return name, true
		}
	}
}

func (tr *trial) randomMode() (object.Mode, oracle.Mode) {
	switch tr.rng.IntN(8) {
	case 0:
		return object.ModeOurs, oracle.Ours
	case 1:
		return object.ModeTheirs, oracle.Theirs
	}
	return object.ModeExclude, oracle.Exclude
}

// mergeLocal merges another branch of the same repository.
func (tr *trial) mergeLocal(tw *twin) {
	tr.t.Helper()
	from, ok := tr.other(tw)
	if !ok {
		tr.newBranch(tw)
		return
	}
	mode, how := tr.randomMode()
	want := oracle.Merge(tw.head(), tw.heads[from], oracle.Merging{Mode: how, Producer: tw.owner, MayStand: tw.mayStand})
	req := MergeRequest{Source: string(from), Mode: mode}
	before := tr.hash(tw)
	tr.note("%s:%s  merge %s (%s)", tw.path, tw.at, from, how)
	switch tr.rng.IntN(6) {
	case 0:
		dry := req
		dry.DryRun = true
		got, err := tw.r.Merge(tr.t.Context(), dry)
		tr.must(err)
		tr.answers(got, want)
		if tr.hash(tw) != before {
			tr.fail("the dry run moved the branch")
		}
	case 1:
		req.Strict = true
	}
	got, err := tw.r.Merge(tr.t.Context(), req)
	if req.Strict && want.LeavesOut() {
		if !errors.Is(err, ErrConflict) || tr.hash(tw) != before {
			tr.fail("a strict merge with conflicts gives %v, and moves: %v", err, tr.hash(tw) != before)
		}
		tr.answers(got, want)
		return
	}
	tr.must(err)
	tr.answers(got, want)
	tr.nameForced(tw, got.Block, want)
	tr.moved(tw, tw.at, want.Block)
	again, err := tw.r.Merge(tr.t.Context(), MergeRequest{Source: string(from), Mode: mode})
	tr.must(err)
	if !again.UpToDate {
		tr.fail("merging again does something")
	}
	tr.seen["merge "+string(how)]++
	switch {
	case want.FastForward:
		tr.seen["fast-forward"]++
	case want.Block.Parent != nil && want.Block.Absorbed != nil && want.Block.Absorbed.Contains(want.Block.Parent) && how == oracle.Exclude:
		tr.seen["merge instead of a fast-forward"]++
	}
	if len(want.Overruled) > 0 {
		tr.seen["merge with something overruled"]++
	}
}

// undoneMerge merges and takes that back.
func (tr *trial) undoneMerge(tw *twin) {
	tr.t.Helper()
	name, before := tw.at, tw.head()
	if len(tw.names) < 2 {
		return
	}
	tr.mergeLocal(tw)
	if tw.head() == before {
		return
	}
	_, err := tw.r.Undo(tr.t.Context())
	tr.must(err)
	tr.note("%s:%s  undo", tw.path, name)
	tw.set(name, before)
	tr.compare(tw, name)
}

// TestHistoriesAgainstTheOracle does random work in several repositories and compares rows,
// accounts and answers with the oracle's after every operation. In the end every block of
// every repository is executed again.
func TestHistoriesAgainstTheOracle(t *testing.T) {
	first := *oracleSeed
	if first == 0 {
		first = uint64(time.Now().UnixNano())
	}
	for i := range *oracleHistories {
		seed := first + uint64(i)
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			t.Logf("go test ./repo -run TestHistoriesAgainstTheOracle -histories 1 -steps %d -history-seed %d", *oracleSteps, seed)
			tr := newTrial(t, seed)
			tr.run(*oracleSteps)
			for _, tw := range tr.twins {
				for _, name := range tw.names {
					tr.compare(tw, name)
				}
				sound(t, tw.r)
			}
			var came []string
			for what, n := range tr.seen {
				came = append(came, fmt.Sprintf("%s %d", what, n))
			}
			slices.Sort(came)
			t.Logf("%d blocks, %d batches in %d repositories: %s", len(tr.blocks), len(tr.batch), len(tr.twins), strings.Join(came, ", "))
		})
	}
}
