package main_test

import (
	"fmt"
	"io"
	"net/http"
	"path/filepath"
	"slices"
	"strconv"
	"sync"
	"time"

	"aergo/net/rpc"
	"aergo/testdata/rows"
)

// load is what a daemon answers to many who read at once.
type load struct {
	what          string
	perSecond     float64
	half, slowest time.Duration // the median, and the 99th percentile
}

const (
	readers       = 16
	readsOfReader = 500
)

// reads has readers read single rows all over the table, each over a connection of its own.
func (w *wireBench) reads(what string, connect func() (read func(key string) error, done func())) load {
	took := make([][]time.Duration, readers)
	var all sync.WaitGroup
	began := time.Now()
	for i := range readers {
		all.Go(func() {
			read, done := connect()
			defer done()
			for j := range readsOfReader {
				start := time.Now()
				if err := read(strconv.Itoa(rows.ID((i*readsOfReader + j) * 97 % w.n))); err != nil {
					w.b.Errorf("%s: %v", what, err)
					return
				}
				took[i] = append(took[i], time.Since(start))
			}
		})
	}
	all.Wait()
	elapsed := time.Since(began)
	each := slices.Sorted(slices.Values(slices.Concat(took...)))
	if len(each) == 0 {
		return load{what: what}
	}
	return load{what, float64(len(each)) / elapsed.Seconds(), each[len(each)/2], each[len(each)*99/100]}
}

// byHTTP reads through the gateway.
func (w *wireBench) byHTTP() load {
	return w.reads("HTTP", func() (func(string) error, func()) {
		c := &http.Client{Transport: &http.Transport{}}
		return func(key string) error {
			resp, err := c.Get(w.gateway + "/api/v1/repositories/ledger/-/get?table=t&key=" + key)
			if err != nil {
				return err
			}
			defer resp.Body.Close()
			if _, err := io.Copy(io.Discard, resp.Body); err != nil || resp.StatusCode != http.StatusOK {
				return fmt.Errorf("status %d: %w", resp.StatusCode, err)
			}
			return nil
		}, c.CloseIdleConnections
	})
}

// byRPC reads through the socket.
func (w *wireBench) byRPC() load {
	folder := filepath.Join(w.folder, "root", "ledger", rpc.RepositoryFolder)
	return w.reads("RPC", func() (func(string) error, func()) {
		caller := rpc.Caller{Home: filepath.Join(w.folder, "home"), Identity: "bench", Folder: w.folder, Verb: "get", Wait: -1}
		door, err := rpc.Dial(w.b.Context(), folder, caller, rpc.Notes{})
		if err != nil {
			return func(string) error { return err }, func() {}
		}
		return func(key string) error {
			_, err := door.Get(w.b.Context(), "t", key, "")
			return err
		}, func() { _ = door.Close() }
	})
}
