package branch

import (
	"testing"

	"aergo/consensus/directory"
	"aergo/contract/table"
	"aergo/contract/value"
	"aergo/repo/object"
	rowkey "aergo/repo/state/key"
	"aergo/repo/store"
)

// town is a book whose Directory changes.
type town struct {
	*book
	ben  Signer
	head Block // of the Directory
}

func newTown(t *testing.T) *town {
	t.Helper()
	w := &town{book: newBook(t, 2), ben: person("ben")}
	var err error
	w.head, err = w.Block(t.Context(), w.Directory.Genesis)
	must(t, err)
	return w
}

// change makes a block of the Directory, and the ledger cites it from then on.
func (w *town) change(changes ...directory.Change) Block {
	w.t.Helper()
	block, err := w.tryChange(w.ada, changes...)
	must(w.t, err)
	return block
}

func (w *town) tryChange(by Signer, changes ...directory.Change) (block Block, err error) {
	w.t.Helper()
	transactions, err := w.Directory.Specs(changes...)
	must(w.t, err)
	w.write(func(s store.Writer) {
		p := NewPending(w.head)
		w.author(p, NewDesk(w.t.Context(), w.Runtime, w.State(w.head)), transactions...)
		block, _, err = w.CommitDirectory(w.t.Context(), s, p, Commitment{Head: w.head, Author: by, Sealer: w.ada, Now: w.tick()})
	})
	if err == nil {
		w.head = block
		w.Directory, err = w.Directories.At(w.t.Context(), w.mem, block.ID)
	}
	return block, err
}

func (w *town) add(who Signer, roles ...string) directory.Change {
	return directory.Change{Add: &directory.Identity{Name: who.Identity.Name, Kind: directory.Client, Key: who.Identity.Key, Roles: roles}}
}

func grant(subject string, may directory.Permission) directory.Change {
	return directory.Change{Grant: &directory.Grant{Subject: subject, Pattern: "*", May: may}}
}

func TestDirectoryBlocksHold(t *testing.T) {
	w := newTown(t)
	for _, changes := range [][]directory.Change{
		{w.add(w.ben, "staff"), grant("role:staff", directory.Write)},
		{grant(directory.Anyone, directory.Read)},
		{{Rotate: &directory.Rotation{Name: "ben", Key: person("ben2").Identity.Key, Until: w.timeMillis + 99_000}}},
		{{Revoke: "ben"}},
		{grant(directory.Anyone, directory.None)},
		{{Rotate: &directory.Rotation{Name: "ada", Key: person("ada2").Identity.Key}}},
	} {
		block := w.change(changes...)
		must(t, w.Validate(t.Context(), block))
	}
	if w.Directory.Height != 6 || w.Directory.Owner.Key != person("ada2").Identity.Key || w.Directory.KeyState(w.ben.Identity.Key) != directory.Revoked {
		t.Errorf("the Directory is %+v", w.Directory)
	}
	// Read from its blocks alone it is the same.
	again, err := directory.Load(t.Context(), w.mem, w.head.ID)
	must(t, err)
	if len(again.Identities()) != 2 || len(again.Grants()) != 1 || again.Owner != w.Directory.Owner || again.Lineage != w.Directory.Lineage {
		t.Errorf("read again it is %+v", again)
	}
}

func TestDirectoryBlocksThatDoNotHold(t *testing.T) {
	w := newTown(t)
	block := w.change(w.add(w.ben))
	next := func() *draft { return w.open(block) }
	other := object.Hash{9}
	for _, test := range []struct {
		name, says string
		by         Signer
		do         func(d *draft)
	}{
		{"cites something else", "no block of a Directory", w.ada, func(d *draft) { d.header.Directory = other }},
		{"parent that is not there", "not found", w.ada, func(d *draft) { d.header.Parent, d.header.Directory = other, other }},
		{"parent on a branch", "block of a branch", w.ada, func(d *draft) { d.header.Parent, d.header.Directory = w.root.ID, w.root.ID }},
		{"absorbs", "no block of a Directory", w.ada, func(d *draft) { d.header.Absorbed = w.root.ID }},
		{"producer", "not the Directory's delegate", w.ben, func(d *draft) { d.header.Producer = w.ben.Identity }},
		{"delegates", "delegates", w.ada, func(d *draft) { d.header.Delegates = other }},
		{"next delegates", "next delegates", w.ada, func(d *draft) { d.header.NextDelegates = directory.Delegates(w.ben.Identity) }},
		{"height", "height", w.ada, func(d *draft) { d.header.Height++ }},
		{"extension", "no block of a Directory", w.ada, func(d *draft) { d.header.Extensions = []object.Extension{{ID: 7}} }},
		{"nothing wrong", "", w.ada, func(*draft) {}},
	} {
		d := next()
		test.do(d)
		err := w.Validate(t.Context(), w.seal(d, test.by))
		if test.says == "" {
			must(t, err)
			continue
		}
		t.Run(test.name, func(t *testing.T) { wantRefusal(t, err, test.says) })
	}
}

// onDirectory makes a block on the Directory of a batch, whether that may be or not.
func (w *town) onDirectory(by Signer, scope object.Hash, specs ...table.Spec) Block {
	w.t.Helper()
	batch := w.stranded(by, w.head, func(b *object.Batch) { b.Scope = scope }, specs)
	var block Block
	w.write(func(s store.Writer) {
		x := w.NewExecutor(s, w.head.Header.State)
		must(w.t, x.Propose(w.t.Context(), []Span{{Batch: batch, Count: batch.Count}}))
		var err error
		block, err = w.Seal(w.t.Context(), s, Draft{Parent: &w.head, Now: w.tick(), Run: x, owner: w.ada.Identity}, w.ada)
		must(w.t, err)
	})
	return block
}

func TestWhatMayNotEnterADirectory(t *testing.T) {
	w := newTown(t)
	w.change(w.add(w.ben), grant("ben", directory.Write))
	genesis := w.Directory.Genesis
	sound := table.Spec{Code: table.Put, Table: "grants", Key: []rowkey.Component{rowkey.Text("ben"), rowkey.Text("x*")}, Fields: []value.Field{text("may", "read")}}
	change := func(fn func(s *table.Spec)) table.Spec {
		s := sound
		fn(&s)
		return s
	}
	for _, test := range []struct {
		name, says string
		block      Block
	}{
		{"sound", "", w.onDirectory(w.ada, genesis, sound)},
		{"of any scope", "not scoped", w.onDirectory(w.ada, object.Hash{}, sound)},
		{"for a branch", "scope is another", w.onDirectory(w.ada, w.branch, sound)},
		{"by who may write branches only", "may not change the Directory", w.onDirectory(w.ben, genesis, sound)},
		{"by a stranger", "may not change the Directory", w.onDirectory(person("mallory"), genesis, sound)},
		{"another table", "no such table", w.onDirectory(w.ada, genesis, change(func(s *table.Spec) { s.Table = "t" }))},
		{"a schema", "no row", w.onDirectory(w.ada, genesis, table.Spec{Code: table.Define, Table: "grants"})},
		{"another field", "no field", w.onDirectory(w.ada, genesis, change(func(s *table.Spec) { s.Fields = append(s.Fields, num("n", 1)) }))},
		{"no permission", "no such permission", w.onDirectory(w.ada, genesis, change(func(s *table.Spec) { s.Fields = []value.Field{text("may", "fly")} }))},
		{"a key of another shape", "parts", w.onDirectory(w.ada, genesis, change(func(s *table.Spec) { s.Key = s.Key[:1] }))},
		{"a key that is no text", "no text", w.onDirectory(w.ada, genesis, change(func(s *table.Spec) { s.Key = []rowkey.Component{rowkey.Int(1), rowkey.Int(2)} }))},
		{"a field of another type", "another type", w.onDirectory(w.ada, genesis, change(func(s *table.Spec) { s.Fields = []value.Field{num("may", 1)} }))},
	} {
		err := w.Validate(t.Context(), test.block)
		if test.says == "" {
			must(t, err)
			continue
		}
		t.Run(test.name, func(t *testing.T) { wantRefusal(t, err, test.says) })
	}
}

// What a grant permits, it permits from the block on that cites the Directory with it.
func TestWritersEnterDirectly(t *testing.T) {
	w := newTown(t)
	at := w.Directory
	early := w.make(plan{parent: &w.root, spans: []Span{{Batch: w.stranded(w.ben, w.root, nil, put("a", num("n", 1))), Count: 1}}})
	wantRefusal(t, w.Validate(t.Context(), early), "author may not write here")
	w.change(w.add(w.ben), grant("ben", directory.Write))
	block, batch := w.commitOn(w.branch, w.root, w.ben, put("a", num("n", 1)))
	must(t, w.Validate(t.Context(), block))
	if body, err := w.Body(t.Context(), block); err != nil || len(body.Orders) != 0 || body.Entries[0].Batch != batch.ID {
		t.Errorf("the block has %d orders, %v", len(body.Orders), err)
	}
	// A later block cannot cite an earlier Directory.
	w.Directory = at
	back := w.commit(block, put("b", num("n", 1)))
	wantRefusal(t, w.Validate(t.Context(), back), "cites the Directory at height 0")
}

func TestRotatedAndRevokedKeys(t *testing.T) {
	w := newTown(t)
	w.change(w.add(w.ben), grant("ben", directory.Write))
	head, _ := w.commitOn(w.branch, w.root, w.ben, put("a", num("n", 1)))
	direct := func(mark Block) Block {
		return w.make(plan{parent: &head, spans: []Span{{Batch: w.stranded(w.ben, mark, nil, put("new", num("n", 1))), Count: 1}}})
	}
	w.change(directory.Change{Rotate: &directory.Rotation{Name: "ben", Key: person("ben2").Identity.Key, Until: w.timeMillis + 50_000}})
	must(t, w.Validate(t.Context(), direct(head))) // marked before the rotation
	after := w.commit(head, put("c", num("n", 1)))
	head = after
	wantRefusal(t, w.Validate(t.Context(), direct(after)), "may not write here")
	w.timeMillis += 60_000
	wantRefusal(t, w.Validate(t.Context(), direct(w.root)), "may not write here")

	// Revoked, its transactions come in by no order either, and the block says so.
	w.change(directory.Change{Revoke: "ben"})
	batch := w.stranded(w.ben, head, nil, put("d", num("n", 1)))
	pick := plan{
		parent: &head, orders: []object.Hash{w.order(head, object.OrderPick, w.ada, items(object.Selection{Batch: batch.ID, Count: 1}))},
		spans: []Span{{Batch: batch, Order: 1, Count: 1}},
	}
	wantRefusal(t, w.Validate(t.Context(), w.make(pick)), "its author's key is revoked")
	w.LeaveOut(pick.spans)
	out := w.make(pick)
	must(t, w.Validate(t.Context(), out))
	body, err := w.Body(t.Context(), out)
	must(t, err)
	if x := body.Entries[0].Excluded; len(x) != 1 || x[0].Reason != object.ReasonRevoked {
		t.Errorf("excluded are %+v", x)
	}
	// History stays what it was.
	must(t, w.Validate(t.Context(), after))
}
