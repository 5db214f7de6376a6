package transfer

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"aergo/net/peer"
	"aergo/repo"
	"aergo/repo/object"
	"aergo/repo/ref"
	"aergo/repo/store/faultfs"
)

// What a peer may not read is as if it were not there, and what it may not write it can read.
func TestWhoMayDoWhat(t *testing.T) {
	w := newWorld(t)
	put(t, w.init("open", "ada"), "a", 1)
	head := put(t, w.init("hidden", "ada"), "a", 1)
	w.denied["bob hidden read"] = fmt.Errorf("%w: bob has no role", ErrDenied)
	w.denied["bob open write"] = fmt.Errorf("%w: bob has the role reader", ErrDenied)
	texts := map[string]bool{}
	for _, name := range []string{"hidden", "absent"} {
		_, err := w.open(t.Context(), "bob", name)
		var remote *RemoteError
		if !errors.As(err, &remote) || remote.Code != CodeNoRepository || !errors.Is(err, repo.ErrNoRepository) || !errors.Is(err, repo.ErrNoRemote) {
			t.Errorf("%s: %v", name, err)
			continue
		}
		texts[strings.ReplaceAll(remote.Text, name, "X")+remote.Hint()] = true
	}
	if len(texts) != 1 {
		t.Errorf("what is hidden can be told from what is not there: %v", texts)
	}
	// A lineage is no way to find out, either.
	w.client.Lineage = object.Sum([]byte("guess"))
	if _, err := w.open(t.Context(), "bob", "hidden"); errors.Is(err, repo.ErrConflict) || !errors.Is(err, repo.ErrNoRepository) {
		t.Errorf("hidden, with a lineage: %v", err)
	}
	w.client.Lineage = object.Hash{}
	c, err := w.open(t.Context(), "bob", "open")
	must(t, err)
	_, err = c.Refs(t.Context())
	must(t, err)
	_, err = c.Merge(t.Context(), c.Objects(), repo.RemoteMerge{Branch: "master", Head: head})
	if !errors.Is(err, ErrDenied) || !errors.Is(err, repo.ErrNotPermitted) {
		t.Errorf("merge by a reader: %v", err)
	}
	if _, err := c.Objects().Get(t.Context(), head); errors.Is(err, ErrDenied) {
		t.Errorf("an object of another repository: %v", err)
	}
	// A right that ends while they talk.
	w.mu.Lock()
	w.denied["bob open read"] = ErrDenied
	w.mu.Unlock()
	if _, err := c.Refs(t.Context()); !errors.Is(err, repo.ErrNoRepository) {
		t.Errorf("after the right has ended: %v", err)
	}
	w.serving.Wait()
	denials := 0
	for _, r := range w.ended() {
		if errors.Is(r.Err, ErrDenied) {
			denials++
		}
	}
	if denials < 4 {
		t.Errorf("%d denials were reported", denials)
	}
}

func TestUnsafeRepositories(t *testing.T) {
	w := newWorld(t)
	for _, name := range []string{"", "/", "a/", "/a", "a//b", "..", "a/../b", ".hidden", "a/.b", "a\\b", "a\x00", "-f", "a b", "\xff", strings.Repeat("a", 101),
		strings.Repeat("a/", 8) + "a", "HEAD", "a.lock"} {
		if _, err := w.open(t.Context(), "bob", name); !errors.Is(err, ref.ErrBadName) {
			t.Errorf("%q, by our own client: %v", name, err)
		}
		s, err := w.dial("mallory")(t.Context())
		must(t, err)
		c := newWire(s, Timeouts{})
		w.serving.Go(func() { _ = c.send(&hello{Min: 1, Max: 1, Repository: name}) })
		if m, err := c.receive(1<<20, time.Minute); err != nil || m.(*refusal).Code != CodeBadName && m.(*refusal).Code != CodeProtocol {
			t.Errorf("%q: %+v, %v", name, m, err)
		}
		s.Close()
	}
}

func TestVersions(t *testing.T) {
	w := newWorld(t)
	put(t, w.init("up", "ada"), "a", 1)
	for _, test := range []struct {
		min, max uint64
		ok       bool
	}{{0, 0, false}, {0, 1, true}, {1, 1, true}, {1, 9, true}, {2, 9, false}} {
		s, err := w.dial("bob")(t.Context())
		must(t, err)
		c := newWire(s, Timeouts{})
		must(t, c.send(&hello{Min: test.min, Max: test.max, Repository: "up"}))
		m, err := c.receive(1<<20, time.Minute)
		must(t, err)
		if home, ok := m.(*welcome); ok != test.ok || ok && home.Version != 1 {
			t.Errorf("%+v: %+v", test, m)
		}
		s.Close()
	}
	w.script(func(c *wire, _ Stream) { _ = c.send(refuse(ErrVersion)) })
	if _, err := w.open(t.Context(), "bob", "up"); !errors.Is(err, ErrVersion) {
		t.Errorf("no version in common: %v", err)
	}
}

// gate holds merges up until it is opened.
type gate struct {
	Repository
	entered chan struct{}
	open    chan struct{}
}

func (g gate) Merge(ctx context.Context, from repo.Source, req repo.RemoteMerge) (repo.RemoteMerged, error) {
	g.entered <- struct{}{}
	select {
	case <-g.open:
	case <-ctx.Done():
		return repo.RemoteMerged{}, ctx.Err()
	}
	return g.Repository.Merge(ctx, from, req)
}

// A merge may take longer than a client waits for a word; who has left is noticed.
func TestLongMerge(t *testing.T) {
	w := newWorld(t)
	up := w.init("up", "ada")
	put(t, up, "a", 1)
	bobs := w.clone("test://up", "bob")
	head := put(t, bobs, "b", 2)
	g := gate{entered: make(chan struct{}), open: make(chan struct{})}
	w.lie("up", func(r Repository) Repository { g := g; g.Repository = r; return g })
	w.server.opts.Timeouts = Timeouts{Turn: 100 * time.Millisecond}.withDefaults() // a word every 25
	words := make(chan struct{}, 1000)
	w.between = func(s Stream) Stream {
		return &tap{Stream: s, lose: func(number uint64) bool {
			if number == numberWorking {
				words <- struct{}{}
			}
			return false
		}}
	}
	merge := func(ctx context.Context, c *Client) chan error {
		done := make(chan error, 1)
		go func() {
			_, err := c.Merge(ctx, repo.AsRemote(bobs).Objects(), repo.RemoteMerge{Branch: "master", Head: head})
			done <- err
		}()
		<-g.entered
		return done
	}
	c, err := w.open(t.Context(), "bob", "up")
	must(t, err)
	ctx, leave := context.WithCancel(t.Context())
	done := merge(ctx, c)
	leave()
	if err := <-done; !errors.Is(err, context.Canceled) {
		t.Errorf("left: %v", err)
	}
	w.serving.Wait() // the server has noticed
	done = merge(t.Context(), c)
	for range 5 {
		select {
		case err := <-done:
			t.Fatalf("nobody opened the gate: %v", err)
		case <-words:
		}
	}
	g.open <- struct{}{}
	must(t, <-done)
	wantRow(t, up, "b", "2")
}

func TestTooManyConversations(t *testing.T) {
	w := newWorld(t)
	put(t, w.init("up", "ada"), "a", 1)
	w.server.opts.MaxConversations, w.server.opts.MaxPerPeer = 3, 2
	var held []*Client
	for _, test := range []struct {
		peer string
		ok   bool
	}{{"bob", true}, {"bob", true}, {"bob", false}, {"mallory", true}, {"eve", false}} {
		c, err := w.open(t.Context(), test.peer, "up")
		if (err == nil) != test.ok || err != nil && !errors.Is(err, ErrBusy) {
			t.Errorf("%+v: %v", test, err)
		}
		if err == nil {
			held = append(held, c)
		}
	}
	for _, c := range held {
		must(t, c.Close())
	}
	w.serving.Wait()
	if _, err := w.open(t.Context(), "eve", "up"); err != nil {
		t.Errorf("after the others have left: %v", err)
	}
	if len(w.server.perPeer) != 1 {
		t.Errorf("remembers %v", w.server.perPeer)
	}
}

func TestTooLargePush(t *testing.T) {
	for _, way := range []func(*world){func(*world) {}, func(w *world) { w.overLibp2p(peer.Limits{}) }} {
		w := newWorld(t)
		way(w)
		w.client.Attempts = 3
		up := w.init("up", "ada")
		put(t, up, "a", 1)
		bobs := w.clone("test://up", "bob")
		fill(t, bobs, 0, 6000)
		w.server.opts.MaxPushBytes = 200 << 10
		conversations := len(w.ended())
		_, err := bobs.Push(t.Context(), repo.PushRequest{})
		var remote *RemoteError
		if !errors.Is(err, ErrTooLarge) || !errors.As(err, &remote) {
			t.Errorf("push: %v", err)
		}
		if got := len(w.ended()) - conversations; got > 2 {
			t.Errorf("tried %d times", got)
		}
		w.client.MaxBytes, w.client.Spool = 200<<10, faultfs.New()
		if _, _, err := w.tryClone("test://up", "bob"); err != nil {
			t.Errorf("a small clone: %v", err)
		}
		fill(t, up, 0, 6000)
		if _, _, err := w.tryClone("test://up", "bob"); !errors.Is(err, ErrTooLarge) {
			t.Errorf("clone: %v", err)
		}
	}
}

// Many who ask for much and read nothing, who hang up in the midst, and who do as they
// should, all at once, through libp2p.
func TestFlood(t *testing.T) {
	w := newWorld(t)
	w.onDisk = true
	server := w.overLibp2p(peer.Limits{StreamsPerPeer: 64})
	up := w.init("up", "ada")
	fill(t, up, 0, 2000)
	head := headOf(t, up)
	w.server.opts.Timeouts = Timeouts{Frame: 500 * time.Millisecond, Turn: time.Minute, Idle: time.Minute}
	hashes := make([]object.Hash, maxWant)
	for i := range hashes {
		hashes[i] = head
	}
	var all sync.WaitGroup
	for i := range 48 {
		all.Go(func() {
			s, err := w.dial("mallory")(t.Context())
			if err != nil {
				return // refused, as it should be
			}
			defer s.Close()
			c := newWire(s, hasty())
			if c.send(&hello{Min: 1, Max: 1, Repository: "up"}) != nil {
				return
			}
			if i%2 == 0 {
				return
			}
			for range 4 * maxAhead {
				if c.send(&want{hashes}) != nil {
					return
				}
			}
		})
	}
	c, err := Open(t.Context(), w.dial("bob"), "up", ClientOptions{Spool: faultfs.New(), Attempts: 20, Wait: wait})
	must(t, err)
	defer c.Close()
	for range 20 {
		_, err := c.Refs(t.Context())
		must(t, err)
	}
	all.Wait()
	if len(server.Peers()) == 0 {
		t.Error("nobody is connected")
	}
}

func TestAnswersAreForgottenInTime(t *testing.T) {
	a := newAnswers()
	for i := range 3 * maxAnswers {
		turn, err := a.begin(t.Context(), answerKey{nonce: [nonceBytes]byte{byte(i), byte(i >> 8)}})
		must(t, err)
		if turn.answer != nil {
			t.Fatalf("merge %d has an answer already", i)
		}
		if i%3 > 0 { // the others failed
			turn.answer = &merged{}
		}
		turn.end()
	}
	if len(a.turns) != maxAnswers || len(a.order) != maxAnswers {
		t.Errorf("%d answers, %d in order", len(a.turns), len(a.order))
	}
	// Who asks for a merge that is being made waits for it, as long as they care to.
	key := answerKey{peer: "bob"}
	first, err := a.begin(t.Context(), key)
	must(t, err)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := a.begin(ctx, key); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
	got := make(chan *merged, 1)
	go func() {
		second, err := a.begin(t.Context(), key)
		must(t, err)
		defer second.end()
		got <- second.answer
	}()
	first.answer = &merged{}
	first.end()
	if <-got == nil {
		t.Error("the answer was not told")
	}
}
