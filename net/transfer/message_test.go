package transfer

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"reflect"
	"strings"
	"testing"
	"time"

	"aergo/branch"
	"aergo/repo"
	"aergo/repo/key"
	"aergo/repo/lock"
	"aergo/repo/object"
	"aergo/repo/ref"
	rowkey "aergo/repo/state/key"
	"aergo/repo/store"
)

// samples is one message or more of every number, with as much in it as can be.
func samples() []message {
	h := func(s string) object.Hash { return object.Sum([]byte(s)) }
	b := ref.Branch{Name: "master", ID: h("id"), Root: h("root"), Head: h("head"), Nonce: 1 << 40, Parent: "other", Logic: h("logic")}
	tags := []ref.Tag{{Name: "v1", Object: h("tag"), Block: h("head")}, {Name: "v2", Block: h("root")}}
	account := repo.Merged{
		Target: "master", Source: h("source"), Bases: []object.Hash{h("base"), h("other base")}, Block: h("block"), Height: 9, FastForward: true,
		Applied: 1, Noop: 2, Resolved: 3, Inherited: 4, Dropped: 5, Already: 6, Forced: 7,
		Excluded: []repo.Exclusion{
			{Transaction: repo.TxID{Batch: h("batch"), Index: 17}, Reason: object.ReasonRowGone, Op: 2, Table: "t",
				Key: []rowkey.Component{rowkey.Text("k"), rowkey.Int(-5), rowkey.Bytes([]byte{0})}, Field: "n", Block: h("by")},
			{Transaction: repo.TxID{Batch: h("batch")}, Reason: object.ReasonMalformed},
		},
	}
	return []message{
		&hello{Min: 1, Max: 3, Repository: "team/ledger", Lineage: h("lineage")},
		&hello{},
		&welcome{Version: 1, Lineage: h("lineage"), Directory: h("directory")},
		&refusal{Code: CodeConflict, Text: "transactions conflict"},
		&refusal{Code: CodeInvalid, Fault: branch.FaultStateRoot, Text: "invalid block"},
		&list{},
		&refs{repo.RemoteRefs{Directory: h("d"), Lineage: h("l"), Head: ref.Head{Branch: "master"}, Branches: []ref.Branch{b}, Tags: tags}},
		&refs{repo.RemoteRefs{Head: ref.Head{Tag: "v1"}}},
		&history{Heads: []object.Hash{h("a"), h("b")}, Limit: maxHistory},
		&blocks{IDs: []object.Hash{h("a")}},
		&blocks{IDs: []object.Hash{}},
		&want{Hashes: []object.Hash{h("a"), h("a")}},
		&objects{Sizes: []uint64{3, 0, 0, 0, 2, 1}, PlainBytes: 6, Stored: []byte("abcdef")},
		&objects{Sizes: []uint64{3, 256}, Codec: codecZstd, PlainBytes: 259, Stored: []byte("x")},
		&objects{Sizes: []uint64{0, 0}, Stored: []byte{}},
		&merge{Nonce: [nonceBytes]byte{1}, RemoteMerge: repo.RemoteMerge{Branch: "x", Head: h("head"), Tags: tags, Mode: object.ModeTheirs, Strict: true, Message: "m"}},
		&working{},
		&merged{RemoteMerged: repo.RemoteMerged{Merged: account, Branch: b, Created: true, Tags: tags, Refused: []repo.TagConflict{{Name: "v1", Ours: h("a"), Theirs: h("b")}},
			Transfer: repo.Transfer{Objects: 1, Bytes: 2, Blocks: 3}}},
		&merged{Failed: refusal{Code: CodeConflict, Text: "no"}},
		&submit{repo.Submission{Branch: "x", Batch: []byte("batch"), Seal: make([]byte, 64), Chunks: [][]byte{[]byte("one"), []byte("two")}}},
		&follow{Branch: "x", Batch: h("batch"), Wait: true},
		&submitted{Submitted: repo.Submitted{Branch: "x", Batch: h("batch"), State: repo.SubmissionAccepted, Receipt: sampleReceipt()}},
		&submitted{Submitted: repo.Submitted{Branch: "x", Batch: h("batch"), State: repo.SubmissionSealed, Block: h("block"), Height: 9, Changed: true,
			Runs:     []object.Run{{Count: 2}, {First: 2, Count: 1, Verdict: object.VerdictExcluded}},
			Excluded: []object.Exclusion{{Index: 2, Reason: object.ReasonFieldChanged, Key: []byte("key"), Field: "n", Found: make([]byte, object.FoundSize)}}}},
		&submitted{Submitted: repo.Submitted{Branch: "x", State: repo.SubmissionRefused, Refusal: "too late"}},
		&submitted{Failed: refusal{Code: CodeFull, Text: "no"}},
		&submitted{Failed: refusal{Code: CodeInvalid, Fault: branch.FaultBatchScope, Text: "no"}},
		&merged{Failed: refusal{Code: CodeInvalid, Fault: branch.FaultHeight, Text: "no"}},
	}
}

func sampleReceipt() *branch.PoolReceipt {
	r, err := branch.SignPoolReceipt(&object.PoolReceipt{Runs: []object.Run{{Count: 1}}},
		branch.Signer{Identity: object.Identity{Name: "ada"}, Private: key.FromSeed([key.SeedSize]byte{1})})
	if err != nil {
		return nil
	}
	return &r
}

func TestMessagesSurvive(t *testing.T) {
	seen := map[reflect.Type]bool{}
	for _, m := range samples() {
		seen[reflect.TypeOf(m)] = true
		b := m.append(nil)
		got, err := decode(b)
		if err != nil || !reflect.DeepEqual(got, m) {
			t.Errorf("%T: got %+v, want %+v, %v", m, got, m, err)
			continue
		}
		if again := got.append(nil); !bytes.Equal(again, b) {
			t.Errorf("%T encodes anew to %x, was %x", m, again, b)
		}
		for n := range b {
			if _, err := decode(b[:n]); !errors.Is(err, object.ErrMalformed) {
				t.Errorf("%T, cut to %d of %d bytes: %v", m, n, len(b), err)
			}
		}
	}
	for n := uint64(0); kindOf(n) != nil; n++ {
		if !seen[reflect.TypeOf(kindOf(n))] {
			t.Errorf("no sample of %T", kindOf(n))
		}
	}
}

// TestFormatIsFixed fails when the bytes of a message change: other versions are out there.
func TestFormatIsFixed(t *testing.T) {
	const want = "e412bde7"
	var all []byte
	for _, m := range samples() {
		all = m.append(all)
	}
	if got := object.Sum(all).Short(); got != want {
		t.Errorf("the samples have the hash %s, want %s", got, want)
	}
}

func FuzzMessage(f *testing.F) {
	for _, m := range samples() {
		f.Add(m.append(nil))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		m, err := decode(b)
		if err != nil {
			return
		}
		if again := m.append(nil); !bytes.Equal(again, b) {
			t.Fatalf("%T encodes anew to %x, was %x", m, again, b)
		}
	})
}

// FuzzObjects decompresses whatever a message of objects holds.
func FuzzObjects(f *testing.F) {
	codec, err := newCodec()
	must(f, err)
	m := &objects{Sizes: []uint64{1000, 0}}
	codec.pack(m, make([]byte, 1000), nil)
	f.Add(m.Stored, uint64(1000), uint64(codecZstd))
	f.Add([]byte("plain"), uint64(5), uint64(codecPlain))
	f.Fuzz(func(t *testing.T, stored []byte, size, how uint64) {
		m := &objects{Sizes: []uint64{size, 0}, Codec: how, PlainBytes: size, Stored: stored}
		decoded, err := decode(m.append(nil))
		if err != nil {
			return
		}
		plain, err := codec.unpack(decoded.(*objects), nil)
		if err == nil && uint64(len(plain)) != size || cap(plain) > maxPartBytes {
			t.Fatalf("%d bytes of %d, capacity %d", len(plain), size, cap(plain))
		}
	})
}

// FuzzFrames reads whatever comes over a stream.
func FuzzFrames(f *testing.F) {
	for _, m := range samples() {
		f.Add(whole(m))
	}
	f.Add(append(framed(moreFlag|MaxFrameBytes, make([]byte, 100)), 1, 2, 3))
	f.Fuzz(func(t *testing.T, b []byte) {
		w := newWire(&played{r: bytes.NewReader(b)}, Timeouts{})
		for {
			m, err := w.receive(1<<16, time.Minute)
			if err != nil {
				if err != io.EOF && !errors.Is(err, ErrCut) && !errors.Is(err, ErrProtocol) {
					t.Fatalf("%v", err)
				}
				return
			}
			if len(m.append(nil)) > 1<<16 {
				t.Fatalf("%T is too large", m)
			}
		}
	})
}

// played is a stream that somebody has recorded.
type played struct{ r io.Reader }

func (p *played) Read(b []byte) (int, error)       { return p.r.Read(b) }
func (p *played) Write(b []byte) (int, error)      { return len(b), nil }
func (p *played) Close() error                     { return nil }
func (p *played) SetReadDeadline(time.Time) error  { return nil }
func (p *played) SetWriteDeadline(time.Time) error { return nil }

// A message of many frames arrives whole, and one that is too large is not read.
func TestLongMessages(t *testing.T) {
	long := &merged{Failed: refusal{Code: CodeConflict}}
	for i := range 60000 {
		long.Merged.Excluded = append(long.Merged.Excluded, repo.Exclusion{Transaction: repo.TxID{Index: uint64(i)}, Reason: object.ReasonRowGone, Table: "table"})
	}
	size := len(long.append(nil))
	if size < MaxFrameBytes {
		t.Fatalf("%d bytes only", size)
	}
	here, there := net.Pipe()
	defer here.Close()
	defer there.Close()
	sender, receiver := newWire(here, Timeouts{}), newWire(there, Timeouts{})
	for _, m := range []message{long, &list{}, long} {
		sent := make(chan error, 1)
		go func() { sent <- sender.send(m) }()
		got, err := receiver.receive(maxListBytes, time.Minute)
		must(t, err)
		must(t, <-sent)
		if !reflect.DeepEqual(got, m) {
			t.Errorf("%T arrived changed", m)
		}
	}
	go func() { _ = sender.send(long) }()
	if _, err := receiver.receive(size-1, time.Minute); !errors.Is(err, ErrProtocol) {
		t.Errorf("too large: %v", err)
	}
	if cap(receiver.in) > 2*size {
		t.Errorf("holds %d bytes", cap(receiver.in))
	}
}

// An error means the same on both sides, and nothing that nobody foresaw is told.
func TestErrorsCross(t *testing.T) {
	for _, err := range []error{
		repo.ErrConflict, repo.ErrNotPermitted, repo.ErrNoRepository, branch.ErrForeign, branch.ErrInvalid, branch.ErrStale, key.ErrBadSignature, key.ErrNoKey,
		ref.ErrNotFound, ref.ErrExists, ref.ErrBadName, lock.ErrBusy, store.ErrCorrupt, object.ErrMalformed, ErrDenied, ErrBusy, ErrTooLarge, ErrVersion, ErrProtocol,
	} {
		m, decodeErr := decode(refuse(err).append(nil))
		must(t, decodeErr)
		if there := m.(*refusal).err(); !errors.Is(there, err) || there.Error() != err.Error() {
			t.Errorf("%v crosses as %v", err, there)
		}
	}
	fault := fmt.Errorf("block: %w: its height", branch.FaultHeight)
	m, err := decode(refuse(fault).append(nil))
	must(t, err)
	if there := m.(*refusal).err(); branch.FaultOf(there) != branch.FaultHeight || !errors.Is(there, branch.ErrInvalid) || *refuse(there) != *refuse(fault) {
		t.Errorf("%v crosses as %v", fault, there)
	}
	for _, code := range []string{"/", "invalid/", "/height"} {
		half := object.AppendText(object.AppendText(head(nil, &refusal{}, numberRefusal), code), "")
		if m, err := decode(half); err == nil {
			t.Errorf("%q is taken for %+v", code, m)
		}
	}
	secret := errors.New("open /home/ada/keys: no such file")
	if r := refuse(secret); r.Code != CodeInternal || strings.Contains(r.Text, "ada") {
		t.Errorf("it tells %+v", r)
	}
	for in, want := range map[string]string{"a\xffb": "a?b", strings.Repeat("x", 5000): strings.Repeat("x", 4093) + "...", strings.Repeat("é", 3000): strings.Repeat("é", 2046) + "..."} {
		m, err := decode((&refusal{Code: "x", Text: in}).append(nil))
		if err != nil || m.(*refusal).Text != want {
			t.Errorf("%.10q arrives as %.10q, %v", in, m, err)
		}
	}
}
