package branch

import (
	"errors"
	"strings"
	"testing"

	"aergo/contract/sql"
	"aergo/contract/table"
	"aergo/repo/object"
	"aergo/repo/state"
	rowkey "aergo/repo/state/key"
	"aergo/repo/store"
)

// sqlLogic readies logics as a repository does.
func sqlLogic(source []byte) (Logic, error) {
	r, err := sql.Compile(source)
	if err != nil {
		return nil, err
	}
	return r.ForMerge(), nil
}

// newRuledBook is newBook whose ledger runs merge logics.
func newRuledBook(t testing.TB, workers int) *book {
	t.Helper()
	b := newBook(t, workers)
	b.Logics = sqlLogic
	return b
}

func rules(source string) MergeLogic { return MergeLogic{Name: "rules", Source: []byte(source)} }

// found writes the founding block of a branch, and returns it.
func (b *book) found(parent Block, name string, logic MergeLogic) (block Block) {
	b.t.Helper()
	b.write(func(w store.Writer) {
		var err error
		block, err = b.Found(b.t.Context(), w, parent, name, 7, logic, b.tick(), b.ada)
		must(b.t, err)
	})
	return block
}

// logicOf returns the source of a branch's merge logic at a block, "" for none.
func (b *book) logicOf(at Block, branch object.Hash) string {
	b.t.Helper()
	m, err := b.MergeLogic(b.t.Context(), at, branch)
	must(b.t, err)
	if m == nil {
		return ""
	}
	return m.Name + ": " + string(m.Source)
}

func TestFoundingFixesTheLogicOfItsBranch(t *testing.T) {
	b := newRuledBook(t, 2)
	base := b.commit(b.root, put("a", num("n", 1)))
	first := b.found(base, "shop", rules("on *: sum;"))
	must(t, b.Validate(t.Context(), first))
	if first.Branch != object.BranchID(b.Directory.ID, base.ID, "shop", 7) || first.Header.Account != base.Header.Account {
		t.Error("wrong branch or account")
	}
	var changed [][]byte
	must(t, state.Diff(t.Context(), b.State(base), b.State(first), func(k, _, _ []byte) error {
		changed = append(changed, k)
		return nil
	}))
	if len(changed) != 1 || string(changed[0]) != string(logicKey(first.Branch)) {
		t.Errorf("it changes %q", changed)
	}
	// Later blocks have it, whoever's tables they write; a branch that goes on from there has none.
	next, _ := b.commitOn(first.Branch, first, b.ada, put("a", num("n", 2)), named("merge", first.Branch.String()))
	must(t, b.Validate(t.Context(), next))
	for _, test := range []struct {
		at     Block
		branch object.Hash
		want   string
	}{
		{first, first.Branch, "rules: on *: sum;"}, {next, first.Branch, "rules: on *: sum;"}, {base, first.Branch, ""},
		{first, b.branch, ""}, {next, b.branch, ""}, {next, object.Hash{}, ""},
	} {
		if got := b.logicOf(test.at, test.branch); got != test.want {
			t.Errorf("branch %s has %q at height %d, want %q", test.branch.Short(), got, test.at.Height, test.want)
		}
	}
	// A branch that starts on this one has the logic that it is founded with.
	second := b.found(next, "shop", rules("on *: ours;"))
	must(t, b.Validate(t.Context(), second))
	if b.logicOf(second, first.Branch) != "rules: on *: sum;" || b.logicOf(second, second.Branch) != "rules: on *: ours;" {
		t.Error("two branches do not keep their logics apart")
	}
}

// named is a put into a table of any name.
func named(name, k string) []table.Spec {
	s := spec(table.Put, k, 0, num("n", 1))
	s.Table = name
	return []table.Spec{s}
}

// No operation can name what lies under a system key.
func TestNoRowIsASystemKey(t *testing.T) {
	for _, name := range []string{"merge", "\x00", strings.Repeat("m", 64)} {
		if k, err := rowkey.Row(name, rowkey.Text("x")); err == nil && k[0] == byte(rowkey.KindSystem) {
			t.Errorf("table %q", name)
		}
		if k, err := rowkey.Schema(name); err == nil && k[0] == byte(rowkey.KindSystem) {
			t.Errorf("schema of %q", name)
		}
	}
}

func TestLogicsThatAreNotFounded(t *testing.T) {
	b := newRuledBook(t, 1)
	bare := *b.Ledger
	bare.Logics = nil
	for _, test := range []struct {
		name   string
		ledger *Ledger
		logic  MergeLogic
		kind   error
	}{
		{"does not compile", b.Ledger, rules("on *: nonsense("), sql.ErrProgram},
		{"no name", b.Ledger, MergeLogic{Source: []byte("ours")}, object.ErrMalformed},
		{"too long", b.Ledger, rules("ours" + strings.Repeat(" ", MaxLogicBytes)), object.ErrMalformed},
		{"name too long", b.Ledger, MergeLogic{Name: strings.Repeat("n", MaxLogicNameBytes+1), Source: []byte("ours")}, object.ErrMalformed},
		{"a ledger that runs none", &bare, rules("ours"), ErrNoLogic},
	} {
		s := b.scratch()
		if _, err := test.ledger.Found(t.Context(), s, b.root, "shop", 1, test.logic, b.tick(), b.ada); !errors.Is(err, test.kind) {
			t.Errorf("%s: %v", test.name, err)
		}
	}
	b.found(b.root, "longest", MergeLogic{Name: strings.Repeat("n", MaxLogicNameBytes), Source: []byte("ours" + strings.Repeat(" ", MaxLogicBytes-4))})
}

// A founding block founds its own branch, is that branch's first, and does nothing else.
func TestFoundingsThatBreakARuleAreRefused(t *testing.T) {
	b := newRuledBook(t, 2)
	base := b.commit(b.root, put("a", num("n", 1)))
	first := b.found(base, "shop", rules("ours"))
	next, _ := b.commitOn(first.Branch, first, b.ada, put("a", num("n", 2)))
	work, _ := b.commitOn(first.Branch, base, b.ada, put("a", num("n", 2)))
	order := b.order(base, object.OrderMerge, b.ada, func(o *object.Order) { o.Source, o.Branch = base.ID, first.Branch })
	says := func(f founding) func(*draft) {
		return func(d *draft) { d.header.Extensions[0].Data = f.encode() }
	}
	own := founding{name: "shop", nonce: 7, logic: rules("ours")}
	but := func(change func(*founding)) func(*draft) {
		f := own
		change(&f)
		return says(f)
	}
	for _, test := range []struct {
		name, says string
		of         Block
		do         func(*draft)
	}{
		{"nothing", "", first, func(*draft) {}},
		{"another name", "another branch", first, but(func(f *founding) { f.name = "shap" })},
		{"another nonce", "another branch", first, but(func(f *founding) { f.nonce++ })},
		{"another branch", "another branch", first, func(d *draft) { d.header.Branch = object.Hash{9} }},
		{"another parent", "another branch", first, func(d *draft) { d.header.Parent, d.header.Height = b.root.ID, 1 }},
		{"a second time", "another branch", next, func(d *draft) {
			d.header.Extensions, d.body, d.tree = b.open(first).header.Extensions, b.open(first).body, b.open(first).tree
		}},
		{"a root block", "another branch", first, func(d *draft) {
			d.header.Parent, d.header.Height, d.header.Branch = object.Hash{}, 0, object.BranchID(b.Directory.ID, object.Hash{}, "shop", 7)
		}},
		{"with transactions", "takes transactions", work, func(d *draft) { d.header.Extensions = b.open(first).header.Extensions }},
		{"with an order", "takes transactions", first, func(d *draft) { d.body.Orders = []object.Hash{order} }},
		{"does not compile", "not a resolver", first, but(func(f *founding) { f.logic.Source = []byte("ours +") })},
		{"too long", "founding", first, but(func(f *founding) { f.logic.Source = []byte("ours" + strings.Repeat(" ", MaxLogicBytes)) })},
		{"name too long", "founding", first, but(func(f *founding) { f.logic.Name = strings.Repeat("n", MaxLogicNameBytes+1) })},
		{"branch name too long", "founding", first, but(func(f *founding) { f.name = strings.Repeat("n", object.MaxNameBytes+1) })},
		{"no name", "without a name", first, but(func(f *founding) { f.logic.Name = "" })},
		{"no source", "without a name or a source", first, but(func(f *founding) { f.logic.Source = nil })},
		{"more than a founding", "founding", first, func(d *draft) { d.header.Extensions[0].Data = append(own.encode(), 0) }},
		{"nothing in it", "founding", first, func(d *draft) { d.header.Extensions[0].Data = nil }},
		{"not critical", "not critical", first, func(d *draft) { d.header.Extensions[0].Critical = false }},
		{"grounds", "names grounds", first, func(d *draft) { d.header.Extensions = append(d.header.Extensions, EncodeGrounds(nil)) }},
		{"another logic in the state", "state root", first, but(func(f *founding) { f.logic = rules("theirs") })},
		{"no logic in the state", "state root", first, func(d *draft) { d.header.State = base.Header.State }},
		{"a logic in the state alone", "state root", first, func(d *draft) { d.header.Extensions = nil }},
	} {
		t.Run(test.name, func(t *testing.T) {
			d := b.open(test.of)
			test.do(d)
			err := b.Validate(t.Context(), b.seal(d, b.ada))
			if test.says == "" {
				must(t, err)
				return
			}
			wantRefusal(t, err, test.says)
		})
	}
	bare := *b.Ledger
	bare.Logics = nil
	if err := bare.Validate(t.Context(), first); !errors.Is(err, ErrNoLogic) {
		t.Errorf("a ledger that runs no logics says %v", err)
	}
}

// Only who may make blocks founds, and each signs the founding by itself.
func TestFoundingNeedsAProducer(t *testing.T) {
	b := newRuledBook(t, 1)
	first := b.found(b.root, "shop", rules("ours"))
	d := b.open(first)
	d.header.Producer = person("mallory").Identity
	wantRefusal(t, b.Validate(t.Context(), b.seal(d, person("mallory"))), "may not make blocks")
}

func FuzzFounding(f *testing.F) {
	f.Add((&founding{name: "shop", nonce: 7, logic: rules("on *: ours")}).encode())
	f.Add((&founding{nonce: 1 << 60, logic: rules("x")}).encode())
	f.Add([]byte{0x84})
	f.Fuzz(func(t *testing.T, data []byte) {
		got, err := decodeFounding(data)
		if err != nil {
			return
		}
		if string(got.encode()) != string(data) {
			t.Error("what was accepted is encoded otherwise")
		}
		if got.logic.Name == "" || len(got.logic.Source) == 0 || len(got.logic.Source) > MaxLogicBytes {
			t.Errorf("accepted %+v", got)
		}
	})
}

func FuzzGrounds(f *testing.F) {
	f.Add(encodeGrounds(nil))
	f.Add(encodeGrounds([]object.Hash{{1}}))
	f.Add(encodeGrounds([]object.Hash{{1}, {2}}))
	f.Add(encodeGrounds([]object.Hash{{1}, {2}, {3}}))
	f.Fuzz(func(t *testing.T, data []byte) {
		ids, err := decodeGrounds(data)
		if err == nil && (string(encodeGrounds(ids)) != string(data) || len(ids) > maxGrounds) {
			t.Error("what was accepted is encoded otherwise")
		}
	})
}
