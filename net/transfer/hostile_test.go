package transfer

import (
	"context"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/klauspost/compress/zstd"

	"aergo/repo"
	"aergo/repo/object"
	"aergo/repo/ref"
)

// hasty are timeouts for those who are silent on purpose.
func hasty() Timeouts {
	return Timeouts{Frame: 100 * time.Millisecond, Turn: 100 * time.Millisecond, Idle: 100 * time.Millisecond}
}

// raw sends bytes as they are.
func raw(t *testing.T, s Stream, b []byte) {
	t.Helper()
	if _, err := s.Write(b); err != nil && !errors.Is(err, io.ErrClosedPipe) {
		t.Error(err)
	}
}

func framed(head uint32, b []byte) []byte {
	return append(binary.BigEndian.AppendUint32(nil, head), b...)
}

// whole is a message in one frame.
func whole(m message) []byte {
	b := m.append(nil)
	return framed(uint32(len(b)), b)
}

// strayMessage is bytes that no message encodes to.
type strayMessage []byte

func (m strayMessage) append(b []byte) []byte { return append(b, m...) }
func (m strayMessage) read(*object.Reader)    {}
func (m strayMessage) size() int              { return 0 }

// badFrames are bytes that are no message, or none that may come here.
func badFrames() map[string][]byte {
	hash := object.Sum(nil)
	array := func(items ...[]byte) []byte {
		b := object.AppendArray(nil, len(items))
		for _, item := range items {
			b = append(b, item...)
		}
		return b
	}
	number := func(n uint64) []byte { return object.AppendUint(nil, n) }
	bytes := func(n int) []byte { return object.AppendBytes(nil, make([]byte, n)) }
	return map[string][]byte{
		"text":                     []byte("GET / HTTP/1.1\r\n\r\n"),
		"empty frame":              framed(0, nil),
		"frame above the cap":      framed(MaxFrameBytes+1, nil),
		"longest head":             framed(0x7fffffff, nil),
		"short frame goes on":      framed(moreFlag|1, []byte{0x80}),
		"no message":               framed(1, []byte{0xff}),
		"empty message":            framed(1, []byte{0x80}),
		"unknown number":           whole(strayMessage(array(number(15)))),
		"huge number":              whole(strayMessage(array(number(1 << 60)))),
		"too few elements":         whole(strayMessage(array(number(numberWant)))),
		"too many elements":        whole(strayMessage(array(number(numberList), number(1)))),
		"left over":                whole(strayMessage(append(array(number(numberList)), 0))),
		"head that is not short":   whole(strayMessage([]byte{0x98, 1, numberList})),
		"indefinite array":         whole(strayMessage([]byte{0x9f, numberList, 0xff})),
		"nothing wanted":           whole(strayMessage(array(number(numberWant), bytes(0)))),
		"half a hash wanted":       whole(strayMessage(array(number(numberWant), bytes(48)))),
		"too much wanted":          whole(strayMessage(array(number(numberWant), bytes(32*(maxWant+1))))),
		"history too long":         whole(strayMessage(array(number(numberHistory), bytes(32), number(maxHistory+1)))),
		"history of too many":      whole(strayMessage(array(number(numberHistory), bytes(32*(maxHeads+1)), number(1)))),
		"merge into a folder":      whole(&merge{RemoteMerge: repo.RemoteMerge{Branch: "../x"}}),
		"merge into nothing":       whole(&merge{}),
		"merge of an unsafe tag":   whole(&merge{RemoteMerge: repo.RemoteMerge{Branch: "x", Tags: []ref.Tag{{Name: "/etc/passwd"}}}}),
		"merge in no mode":         whole(&merge{RemoteMerge: repo.RemoteMerge{Branch: "x", Mode: 9}}),
		"merge with a long text":   whole(&merge{RemoteMerge: repo.RemoteMerge{Branch: "x", Message: strings.Repeat("x", object.MaxMessageBytes+1)}}),
		"text that is not":         whole(&merge{RemoteMerge: repo.RemoteMerge{Branch: "x", Message: "\xff"}}),
		"hello again":              whole(&hello{Max: 1, Repository: "up"}),
		"welcome":                  whole(&welcome{Version: 1}),
		"refs":                     whole(&refs{repo.RemoteRefs{Head: ref.Head{Branch: "x"}}}),
		"blocks":                   whole(&blocks{IDs: []object.Hash{hash}}),
		"objects":                  whole(&objects{Sizes: []uint64{1, 0}, PlainBytes: 1, Stored: []byte{1}}),
		"working":                  whole(&working{}),
		"merged":                   whole(&merged{}),
		"sizes that do not add up": whole(&objects{Sizes: []uint64{2, 0}, PlainBytes: 1, Stored: []byte{1}}),
		"seal of nothing":          whole(&objects{Sizes: []uint64{0, 1}, PlainBytes: 1, Stored: []byte{1}}),
	}
}

// A server answers every one of them with a refusal or hangs up, and goes on serving others.
func TestHostileClients(t *testing.T) {
	w := newWorld(t)
	put(t, w.init("up", "ada"), "a", 1)
	for name, bad := range badFrames() {
		for _, greeted := range []bool{false, true} {
			if !greeted && name == "hello again" {
				continue
			}
			s, err := w.dial("mallory")(t.Context())
			must(t, err)
			c := newWire(s, Timeouts{})
			if greeted {
				must(t, c.send(&hello{Min: 1, Max: 1, Repository: "up"}))
				if m, err := c.receive(1<<20, time.Minute); err != nil {
					t.Fatalf("%s: %T, %v", name, m, err)
				}
			}
			w.serving.Go(func() { _, _ = s.Write(bad) }) // they may answer before they have read it all
			m, err := c.receive(1<<20, time.Minute)
			r, refused := m.(*refusal)
			if err == nil && (!refused || r.Code == CodeInternal || r.Code == "") || err != nil && !errors.Is(err, io.EOF) && !errors.Is(err, ErrCut) {
				t.Errorf("%s, greeted %v: %+v, %v", name, greeted, m, err)
			}
			if m, err := c.receive(1<<20, time.Minute); err == nil {
				t.Errorf("%s, greeted %v: it goes on with %T", name, greeted, m)
			}
			s.Close()
		}
	}
	w.serving.Wait()
	for _, r := range w.reports {
		if r.Err == nil {
			t.Errorf("reported as in order: %+v", r)
		}
	}
	w.clone("test://up", "bob")
}

// script is a server that says what it is told to, after a hello.
func (w *world) script(play func(c *wire, s Stream)) {
	w.dial = func(string) Dialer {
		return func(context.Context) (Stream, error) {
			here, there := net.Pipe()
			w.serving.Go(func() {
				defer there.Close()
				c := newWire(there, Timeouts{})
				if _, err := c.receive(1<<20, time.Minute); err == nil {
					play(c, there)
				}
			})
			return here, nil
		}
	}
}

func TestHostileServers(t *testing.T) {
	home := welcome{Version: 1, Lineage: object.Sum([]byte("lineage")), Directory: object.Sum([]byte("directory"))}
	for name, bad := range badFrames() {
		w := newWorld(t)
		w.client.Timeouts = hasty()
		w.script(func(_ *wire, s Stream) { _, _ = s.Write(bad) })
		if _, err := w.open(t.Context(), "bob", "up"); !errors.Is(err, ErrProtocol) && !errors.Is(err, ErrCut) {
			t.Errorf("%s for a welcome: %v", name, err)
		}
		w.script(func(c *wire, s Stream) {
			_ = c.send(&home)
			for {
				if _, err := c.receive(1<<20, time.Minute); err != nil {
					return
				}
				if _, err := s.Write(bad); err != nil {
					return
				}
			}
		})
		c, err := w.open(t.Context(), "bob", "up")
		must(t, err)
		if _, err := c.Refs(t.Context()); !errors.Is(err, ErrProtocol) && !errors.Is(err, ErrCut) {
			t.Errorf("%s for refs: %v", name, err)
		}
		if name != "objects" {
			if _, err := c.Objects().Get(t.Context(), home.Lineage); !errors.Is(err, ErrProtocol) && !errors.Is(err, ErrCut) {
				t.Errorf("%s for an object: %v", name, err)
			}
		}
		known := func(context.Context, object.Hash) (bool, error) { return false, nil }
		gather := c.Objects().(repo.Gatherer)
		if err := gather.Gather(t.Context(), repo.Walk{Heads: []object.Hash{home.Lineage}, Known: known}); name != "blocks" && !errors.Is(err, ErrProtocol) && !errors.Is(err, ErrCut) {
			t.Errorf("%s for history: %v", name, err)
		}
		if name != "working" && name != "merged" {
			_, err = c.Merge(t.Context(), c.Objects(), repo.RemoteMerge{Branch: "x"})
			if !errors.Is(err, ErrProtocol) && !errors.Is(err, ErrCut) {
				t.Errorf("%s for a merge: %v", name, err)
			}
		}
		must(t, c.Close())
	}
}

// Objects that nobody asked for, and blocks that nothing leads to, are not taken.
func TestUnaskedObjects(t *testing.T) {
	home := welcome{Version: 1, Lineage: object.Sum([]byte("lineage")), Directory: object.Sum([]byte("directory"))}
	known := func(context.Context, object.Hash) (bool, error) { return false, nil }
	junk := (&object.Header{
		Lineage: home.Lineage, Branch: home.Lineage, Height: 1, Parent: home.Directory, TimeMillis: 1, Producer: object.Identity{Name: "ada"},
	}).Encode()
	for name, answer := range map[string]func(c *wire, m message) error{
		"two for one": func(c *wire, _ message) error {
			return c.send(&objects{Sizes: []uint64{1, 0, 1, 0}, PlainBytes: 2, Stored: []byte{1, 2}})
		},
		"stray block": func(c *wire, m message) error {
			if h, ok := m.(*history); ok {
				return c.send(&blocks{IDs: []object.Hash{h.Heads[0], object.Sum(junk)}})
			}
			out := &objects{}
			for _, h := range m.(*want).Hashes {
				if h == object.Sum(junk) {
					out.Sizes = append(out.Sizes, uint64(len(junk)), 0)
					out.Stored = append(out.Stored, junk...)
				} else {
					out.Sizes = append(out.Sizes, 0, 0)
				}
			}
			out.PlainBytes = uint64(len(out.Stored))
			return c.send(out)
		},
		"more blocks than asked for": func(c *wire, _ message) error {
			return c.send(&blocks{IDs: make([]object.Hash, firstHistory+1)})
		},
	} {
		w := newWorld(t)
		w.script(func(c *wire, _ Stream) {
			_ = c.send(&home)
			for {
				m, err := c.receive(1<<20, time.Minute)
				if err != nil || answer(c, m) != nil {
					return
				}
			}
		})
		c, err := w.open(t.Context(), "bob", "up")
		must(t, err)
		if err := c.Objects().(repo.Gatherer).Gather(t.Context(), repo.Walk{Heads: []object.Hash{home.Lineage}, Known: known}); !errors.Is(err, ErrProtocol) {
			t.Errorf("%s: %v", name, err)
		}
		if c.spool.has(object.Sum(junk)) {
			t.Errorf("%s: it is in the spool", name)
		}
		must(t, c.Close())
	}
}

func TestBombs(t *testing.T) {
	codec, err := newCodec()
	must(t, err)
	large, err := zstd.NewWriter(nil)
	must(t, err)
	bomb := large.EncodeAll(make([]byte, 256<<20), nil)
	noSize, err := zstd.NewWriter(nil)
	must(t, err)
	var streamed strings.Builder
	noSize.Reset(&streamed)
	_, err = noSize.Write(make([]byte, 64<<20))
	must(t, err)
	must(t, noSize.Close())
	small := large.EncodeAll(make([]byte, 1000), nil)
	for name, m := range map[string]*objects{
		"many times what is stated":    {Sizes: []uint64{1 << 20, 0}, Codec: codecZstd, PlainBytes: 1 << 20, Stored: bomb},
		"of unknown size":              {Sizes: []uint64{1 << 20, 0}, Codec: codecZstd, PlainBytes: 1 << 20, Stored: []byte(streamed.String())},
		"less than is stated":          {Sizes: []uint64{1001, 0}, Codec: codecZstd, PlainBytes: 1001, Stored: small},
		"a byte more than is stated":   {Sizes: []uint64{999, 0}, Codec: codecZstd, PlainBytes: 999, Stored: small},
		"no zstd":                      {Sizes: []uint64{1000, 0}, Codec: codecZstd, PlainBytes: 1000, Stored: []byte("nonsense")},
		"two frames":                   {Sizes: []uint64{1000, 0}, Codec: codecZstd, PlainBytes: 1000, Stored: append(append([]byte(nil), small...), small...)},
		"as large when it is packed":   {Sizes: []uint64{4, 0}, Codec: codecZstd, PlainBytes: 4, Stored: make([]byte, 4)},
		"plain of another size":        {Sizes: []uint64{4, 0}, PlainBytes: 4, Stored: make([]byte, 3)},
		"larger than an object may be": {Sizes: []uint64{1<<20 + 1, 0}, PlainBytes: 1<<20 + 1, Stored: make([]byte, 1<<20+1)},
		"seal larger than it may be":   {Sizes: []uint64{1, 257}, PlainBytes: 258, Stored: make([]byte, 258)},
	} {
		decoded, err := decode(m.append(nil))
		if err == nil {
			var plain []byte
			plain, err = codec.unpack(decoded.(*objects), nil)
			if err == nil {
				t.Errorf("%s: %d bytes", name, len(plain))
			}
		}
	}
}

// Who says nothing, or too little at a time, holds nobody up for long.
func TestSlowPeers(t *testing.T) {
	w := newWorld(t)
	put(t, w.init("up", "ada"), "a", 1)
	w.client.Timeouts = hasty()
	for name, play := range map[string]func(*wire, Stream){
		"silence":      func(_ *wire, s Stream) { _, _ = s.Read(make([]byte, 1)) },
		"half a head":  func(_ *wire, s Stream) { _, _ = s.Write([]byte{0, 0}); _, _ = s.Read(make([]byte, 1)) },
		"half a frame": func(_ *wire, s Stream) { _, _ = s.Write(framed(100, make([]byte, 50))); _, _ = s.Read(make([]byte, 1)) },
		"byte by byte": func(_ *wire, s Stream) {
			ticker := time.NewTicker(20 * time.Millisecond)
			defer ticker.Stop()
			for _, c := range whole(&welcome{Version: 1}) {
				<-ticker.C
				if _, err := s.Write([]byte{c}); err != nil {
					return
				}
			}
			t.Error("all of it was taken")
		},
	} {
		w := newWorld(t)
		w.client.Timeouts = hasty()
		w.script(play)
		if _, err := w.open(t.Context(), "bob", "up"); !errors.Is(err, ErrCut) {
			t.Errorf("%s: %v", name, err)
		}
	}
	w.server.opts.Timeouts = hasty()
	for name, play := range map[string]func(Stream){
		"silence":     func(Stream) {},
		"half a head": func(s Stream) { raw(t, s, []byte{0}) },
		"idle": func(s Stream) {
			raw(t, s, whole(&hello{Min: 1, Max: 1, Repository: "up"}))
			_, _ = io.ReadFull(s, make([]byte, 10))
		},
		"who does not read": func(s Stream) {
			raw(t, s, whole(&hello{Min: 1, Max: 1, Repository: "up"}))
			_, _ = io.ReadFull(s, make([]byte, 4))
		},
	} {
		s, err := w.dial("mallory")(t.Context())
		must(t, err)
		play(s)
		w.serving.Wait()
		s.Close()
		if got := w.reports[len(w.reports)-1]; !errors.Is(got.Err, ErrCut) {
			t.Errorf("%s: %v", name, got.Err)
		}
	}
}
