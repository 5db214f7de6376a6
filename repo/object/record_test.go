package object_test

import (
	"bytes"
	"errors"
	"reflect"
	"testing"

	"aergo/repo/object"
)

// equalRecords compares records and takes nil and empty slices for the same.
func equalRecords(a, b any) bool { return reflect.DeepEqual(toJSON(a), toJSON(b)) }

func TestRandomRecordsSurviveTheirEncoding(t *testing.T) {
	g := newGen(t)
	for _, c := range codecs() {
		for range 300 {
			rec := c.random(g)
			data := rec.Encode()
			got, err := c.decode(data)
			if err != nil {
				t.Fatalf("%s: %v\n%x", c.name, err, data)
			}
			if !equalRecords(rec, got) {
				t.Fatalf("%s: wrote %+v\nread %+v", c.name, rec, got)
			}
			if again := got.Encode(); !bytes.Equal(again, data) {
				t.Fatalf("%s: encoded anew\n%x, was\n%x", c.name, again, data)
			}
			if kind, err := object.KindOf(data); err != nil || kind != c.kind {
				t.Fatalf("%s: KindOf: %s, %v", c.name, kind, err)
			}
		}
	}
}

// mutate returns a copy of data with a few small changes of the kinds that break
// decoders: flipped bits, other heads, lost, doubled and invented bytes.
func (g *gen) mutate(data []byte) []byte {
	out := bytes.Clone(data)
	for n := 1 + g.IntN(2); n > 0 && len(out) > 0; n-- {
		i := g.IntN(len(out))
		switch g.IntN(6) {
		case 0:
			out[i] ^= 1 << g.IntN(8)
		case 1:
			out[i]++
		case 2:
			out[i] = out[i]&0xe0 | byte(24+g.IntN(8))
		case 3:
			out = append(out[:i], out[i+1:]...)
		case 4:
			out = append(out[:i+1], out[i:]...)
		case 5:
			out = out[:i]
		}
	}
	return out
}

func TestAcceptedMutantsEncodeToTheSameBytes(t *testing.T) {
	g := newGen(t)
	for _, c := range codecs() {
		accepted, mutants := 0, 0
		for range 60 {
			data := c.random(g).Encode()
			for range min(200, 1+400_000/(len(data)+1)) {
				mutant := g.mutate(data)
				mutants++
				rec, err := c.decode(mutant)
				if err != nil {
					if !errors.Is(err, object.ErrMalformed) {
						t.Fatalf("%s: error %q does not wrap ErrMalformed", c.name, err)
					}
					continue
				}
				accepted++
				if again := rec.Encode(); !bytes.Equal(again, mutant) {
					t.Fatalf("%s: two encodings of one record\n%x\n%x", c.name, mutant, again)
				}
			}
		}
		if accepted == 0 || accepted == mutants {
			t.Errorf("%s: %d of %d mutants accepted: the mutants prove nothing", c.name, accepted, mutants)
		}
	}
}

func TestEveryPrefixIsRefused(t *testing.T) {
	g := newGen(t)
	for _, c := range codecs() {
		data := c.random(g).Encode()
		for n := 0; n < len(data); n += 1 + n/200 {
			if _, err := c.decode(data[:n]); !errors.Is(err, object.ErrMalformed) {
				t.Fatalf("%s: first %d of %d bytes: %v", c.name, n, len(data), err)
			}
		}
		if _, err := c.decode(append(bytes.Clone(data), 0)); !errors.Is(err, object.ErrMalformed) {
			t.Fatalf("%s: with a byte left over: %v", c.name, err)
		}
	}
}

func TestNoRecordDecodesAsAnother(t *testing.T) {
	g := newGen(t)
	for _, c := range codecs() {
		data := c.random(g).Encode()
		for _, other := range codecs() {
			if _, err := other.decode(data); (err == nil) != (other.name == c.name) {
				t.Errorf("%s read as %s: %v", c.name, other.name, err)
			}
		}
	}
}

func TestKindOf(t *testing.T) {
	cases := []struct {
		name string
		data []byte
		want object.Kind // 0 is refused
	}{
		{"nothing", nil, 0},
		{"not an array", []byte{0x01, 0x01, 0x01}, 0},
		{"array of none", []byte{0x80, 0x01, 0x01}, 0},
		{"array of one", []byte{0x81, 0x01, 0x01}, 0},
		{"version 2", []byte{0x82, 0x02, 0x01}, 0},
		{"kind 0", []byte{0x82, 0x01, 0x00}, 0},
		{"kind 12", []byte{0x82, 0x01, 0x0c}, 0},
		{"kind 257", []byte{0x82, 0x01, 0x19, 0x01, 0x01}, 0},
		{"no kind", []byte{0x82, 0x01}, 0},
		{"first kind", []byte{0x82, 0x01, 0x01}, object.KindBatch},
		{"last kind", []byte{0x82, 0x01, 0x0b}, object.KindPoolReceipt},
		{"array of 2,000", append([]byte{0x99, 0x07, 0xd0, 0x01, 0x06}, make([]byte, 1998)...), object.KindStateNode},
	}
	for _, c := range cases {
		got, err := object.KindOf(c.data)
		if got != c.want || (err == nil) != (c.want != 0) || err != nil && !errors.Is(err, object.ErrMalformed) {
			t.Errorf("%s: %s, %v", c.name, got, err)
		}
	}
}

func TestUnknownCritical(t *testing.T) {
	exts := []object.Extension{{ID: 3}, {ID: 7, Critical: true}, {ID: 9, Critical: true}}
	if id, found := object.UnknownCritical(exts); !found || id != 7 {
		t.Errorf("got %d, %v", id, found)
	}
	if id, found := object.UnknownCritical(exts[:1]); found {
		t.Errorf("extension %d is not critical", id)
	}
}

func TestReceiptsAddJoinsEqualReceipts(t *testing.T) {
	var rs object.Receipts
	rs.Add(0, object.Receipt{Cost: 9})
	rs.Add(2, object.Receipt{Cost: 1})
	rs.Add(3, object.Receipt{Cost: 1})
	rs.Add(1, object.Receipt{Cost: 2})
	rs.Add(1, object.Receipt{Cost: 1})
	want := []object.ReceiptRun{
		{Count: 5, Receipt: object.Receipt{Cost: 1}}, {Count: 1, Receipt: object.Receipt{Cost: 2}}, {Count: 1, Receipt: object.Receipt{Cost: 1}},
	}
	if !reflect.DeepEqual(rs.Runs, want) {
		t.Errorf("got %+v", rs.Runs)
	}
}

func TestBodyTransactions(t *testing.T) {
	b := object.Body{Entries: []object.Entry{
		{Runs: []object.Run{{Count: 5}, {First: 9, Count: 2}}}, {Runs: []object.Run{{Count: 1}}},
	}}
	if got := b.Transactions(); got != 8 {
		t.Errorf("got %d", got)
	}
}

func TestChunkBuilderEqualsChunk(t *testing.T) {
	g := newGen(t)
	b := object.NewChunkBuilder()
	for range 50 {
		c := g.chunk()
		b.Reset()
		for i, name := range c.Names {
			if got := b.Name(name); got != i || b.Name(name) != i {
				t.Fatalf("name %q has index %d, want %d", name, got, i)
			}
		}
		for i := range c.Transactions {
			b.Add(&c.Transactions[i])
		}
		if b.Count() != len(c.Transactions) || len(b.Names()) != len(c.Names) {
			t.Fatalf("builder counts %d transactions, %d names", b.Count(), len(b.Names()))
		}
		data := b.Encode()
		if !bytes.Equal(data, c.Encode()) {
			t.Fatalf("builder wrote\n%x, chunk\n%x", data, c.Encode())
		}
		if b.SizeBytes() >= len(data) {
			t.Fatalf("%d bytes of transactions in a chunk of %d", b.SizeBytes(), len(data))
		}
	}
}

func TestChunkBuilderTakesEncodedTransactions(t *testing.T) {
	g := newGen(t)
	from, to := object.NewChunkBuilder(), object.NewChunkBuilder()
	var c object.Chunk
	for len(c.Transactions) < 40 {
		c.Transactions = append(c.Transactions, g.chunk().Transactions...)
	}
	for i := range c.Transactions {
		from.Add(&c.Transactions[i])
	}
	for i, data := range from.Encoded() {
		for _, bad := range [][]byte{nil, data[:len(data)-1], append(bytes.Clone(data), 0), append(bytes.Clone(data), data...)} {
			if err := to.AddEncoded(bad); !errors.Is(err, object.ErrMalformed) || to.Count() != i {
				t.Fatalf("transaction %d, spoilt: %v, %d in the builder", i, err, to.Count())
			}
		}
		if err := to.AddEncoded(data); err != nil {
			t.Fatalf("transaction %d: %v", i, err)
		}
	}
	if !bytes.Equal(to.Encode(), c.Encode()) || to.SizeBytes() != from.SizeBytes() {
		t.Errorf("encoded anew\n%x, was\n%x", to.Encode(), c.Encode())
	}
}

func TestWordsOfNumbers(t *testing.T) {
	cases := []struct{ got, want string }{
		{object.KindStateNode.String(), "state node"}, {object.Kind(0).String(), "kind 0"}, {object.Kind(99).String(), "kind 99"},
		{object.VerdictNoop.String(), "no-op"}, {object.Verdict(5).String(), "verdict 5"},
		{object.ReasonBadKey.String(), "bad-key"}, {object.ReasonResolver.String(), "resolver"}, {object.ReasonRevoked.String(), "revoked"}, {object.Reason(16).String(), "reason 16"},
		{object.OrderDrop.String(), "drop"}, {object.OrderKind(4).String(), "unknown order"},
		{object.ModeResolve.String(), "resolve"}, {object.Mode(4).String(), "unknown mode"},
	}
	for _, c := range cases {
		if c.got != c.want {
			t.Errorf("got %q, want %q", c.got, c.want)
		}
	}
	for v := object.VerdictApplied; v.Valid(); v++ {
		if v.Applied() != (v <= object.VerdictResolved) {
			t.Errorf("%s: applied %v", v, v.Applied())
		}
	}
}
