package main_test

import (
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"path/filepath"
	"slices"
	"strconv"
	"sync"
	"time"

	"github.com/go-git/go-billy/v5/memfs"
	"github.com/go-git/go-billy/v5/osfs"

	"aergo/net/peer"
	"aergo/net/rpc"
	"aergo/net/transfer"
	"aergo/repo"
	"aergo/repo/object"
	"aergo/testdata/rows"
)

const (
	rawBytes    = 512 << 20
	rawProtocol = "/aergo/benchmark-zeros/1"
	loadTime    = 3 * time.Second
)

// raw measures what a bare libp2p stream carries on the loopback, with the transport that the
// daemon uses. It is measured at both ends of a run, and the better of both counts.
func (d *servedBench) raw() {
	server, client := d.host("127.0.0.1:0"), d.host()
	defer server.Close()
	defer client.Close()
	server.Handle(rawProtocol, func(_ context.Context, _ peer.ID, s peer.Stream) {
		defer s.Close()
		for block := make([]byte, 256<<10); ; {
			if _, err := s.Write(block); err != nil {
				return
			}
		}
	})
	s, _, err := client.Open(d.b.Context(), server.Addresses()[0], rawProtocol)
	d.fail(err)
	defer s.Reset()
	block := make([]byte, 256<<10)
	began := time.Now()
	_, err = io.CopyBuffer(onlyWriter{io.Discard}, io.LimitReader(s, rawBytes), block)
	d.fail(err)
	d.report.rawRate = max(d.report.rawRate, rawBytes/time.Since(began).Seconds())
}

func (d *servedBench) host(listen ...string) *peer.Host {
	id, err := peer.NewIdentity(nil)
	d.fail(err)
	h, err := peer.New(peer.Options{Identity: id, Listen: listen, Known: peer.OpenKnown(memfs.New(), "known")})
	d.fail(err)
	return h
}

// load measures reads under load, through the socket of the daemon and through its gateway,
// and what moving all objects of the repository takes without looking at them.
func (d *servedBench) load() {
	for _, clients := range []int{1, 8, 64} {
		d.report.loads = append(d.report.loads, d.reads("RPC", clients, d.byRPC), d.reads("HTTP", clients, d.byHTTP))
	}
	for range d.runs {
		d.report.movedRate = max(d.report.movedRate, d.moved())
	}
}

// reader reads a row by its key.
type reader func(key string) error

// reads has so many clients get rows at random, each with a connection of its own and one call
// at a time.
func (d *servedBench) reads(through string, clients int, connect func() (read reader, end func())) loadFigures {
	var all []time.Duration
	var mu sync.Mutex
	var running sync.WaitGroup
	refused := d.refused.Load()
	ctx, stop := context.WithTimeout(d.b.Context(), loadTime)
	defer stop()
	for i := range clients {
		read, end := connect()
		defer end()
		running.Go(func() {
			random := rand.New(rand.NewPCG(uint64(i), 1))
			var own []time.Duration
			for ctx.Err() == nil {
				began := time.Now()
				if err := read(strconv.Itoa(rows.ID(random.IntN(d.n)))); err != nil {
					d.b.Error(err)
					return
				}
				own = append(own, time.Since(began))
			}
			mu.Lock()
			defer mu.Unlock()
			all = append(all, own...)
		})
	}
	running.Wait()
	if len(all) == 0 {
		d.b.Fatalf("nothing was read through %s", through)
	}
	slices.Sort(all)
	at := func(share float64) time.Duration { return all[int(share*float64(len(all)-1))] }
	return loadFigures{
		through: through, clients: clients, perSecond: float64(len(all)) / loadTime.Seconds(), median: at(0.5), p99: at(0.99), worst: all[len(all)-1],
		refused: d.refused.Load() - refused,
	}
}

// byRPC connects to the socket of the daemon.
func (d *servedBench) byRPC() (reader, func()) {
	caller := rpc.Caller{Home: filepath.Join(d.whole.folder, "home"), Folder: d.served, Verb: "get"}
	c, err := rpc.Dial(d.b.Context(), filepath.Join(d.served, rpc.RepositoryFolder), caller, rpc.Notes{})
	d.fail(err)
	return func(key string) error {
		_, err := c.Get(d.b.Context(), "t", key, "")
		return err
	}, func() { _ = c.Close() }
}

// byHTTP connects to the gateway. Who is told that it is busy asks again, and waits that much
// longer.
func (d *servedBench) byHTTP() (reader, func()) {
	c := &http.Client{Transport: &http.Transport{}}
	return func(key string) error {
		for {
			status, err := d.getRow(c, key)
			switch {
			case err != nil:
				return err
			case status == http.StatusOK:
				return nil
			case status != http.StatusServiceUnavailable:
				return fmt.Errorf("status %d", status)
			}
			d.refused.Add(1)
		}
	}, c.CloseIdleConnections
}

func (d *servedBench) getRow(c *http.Client, key string) (status int, err error) {
	resp, err := c.Get(d.gateway + "/api/v1/repositories/" + servedName + "/-/get?table=t&key=" + key)
	if err != nil {
		return 0, err
	}
	defer resp.Body.Close()
	_, err = io.Copy(io.Discard, resp.Body)
	return resp.StatusCode, err
}

// moved brings all that a clone asks for to this machine, with right hashes and not looked at
// any further, and returns how many plain bytes came each second.
func (d *servedBench) moved() float64 {
	h := d.host()
	defer h.Close()
	to, err := peer.ParseAddress("aergo://" + d.at + "/" + servedName)
	d.fail(err)
	c, err := transfer.Open(d.b.Context(), func(ctx context.Context) (transfer.Stream, error) {
		s, _, err := h.Open(ctx, to, transfer.Protocol)
		return s, err
	}, servedName, transfer.ClientOptions{Spool: osfs.New(d.fresh())})
	d.fail(err)
	defer c.Close()
	refs, err := c.Refs(d.b.Context())
	d.fail(err)
	source, ok := c.Objects().(repo.Gatherer)
	if !ok {
		d.b.Fatal("a remote repository that gathers nothing")
	}
	began := time.Now()
	d.fail(source.Gather(d.b.Context(), repo.Walk{
		Heads: []object.Hash{refs.Branches[0].Head}, Rebuilt: true,
		Known: func(context.Context, object.Hash) (bool, error) { return false, nil },
	}))
	return float64(d.report.clone.moved) / time.Since(began).Seconds()
}
