package rpc

import (
	"context"
	"io"
	"testing"

	"aergo/repo"
	"aergo/repo/object"
	"aergo/repo/state/key"
)

// benchmark serves a door for a benchmark and returns a client of it.
func benchmark(b *testing.B, door repo.Door) *Client {
	b.Helper()
	folder := b.TempDir()
	l, err := Listen(folder)
	if err != nil {
		b.Fatal(err)
	}
	ctx, cancel := context.WithCancel(b.Context())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		s := &Server{Open: func(context.Context, Caller, Notes) (repo.Door, error) { return door, nil }}
		_ = s.Serve(ctx, l)
	}()
	b.Cleanup(func() {
		cancel()
		<-ended
	})
	c, err := Dial(ctx, folder, Caller{}, Notes{})
	if err != nil {
		b.Fatal(err)
	}
	return c
}

// BenchmarkCall is a call there and back.
func BenchmarkCall(b *testing.B) {
	c := benchmark(b, &fake{})
	defer c.Close()
	for b.Loop() {
		if _, err := c.Status(b.Context()); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkDial is what a command pays before its call: connecting, and hello.
func BenchmarkDial(b *testing.B) {
	c := benchmark(b, &fake{})
	defer c.Close()
	for b.Loop() {
		n, err := c.connect(b.Context())
		if err != nil {
			b.Fatal(err)
		}
		if err := n.conn.Close(); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkRows is a walk over rows of 60 bytes.
func BenchmarkRows(b *testing.B) {
	row := repo.Row{Table: "accounts", Tuple: make([]byte, 8), Data: make([]byte, 60)}
	n := 0
	c := benchmark(b, &fake{rows: func(_ context.Context, fn func(repo.Row) error) error {
		for range n {
			if err := fn(row); err != nil {
				return err
			}
		}
		return nil
	}})
	defer c.Close()
	b.SetBytes(int64(len(row.Tuple) + len(row.Data)))
	b.ReportAllocs()
	n = b.N
	got := 0
	if err := c.Rows(b.Context(), "accounts", "", func(repo.Row) error { got++; return nil }); err != nil || got != n {
		b.Fatal(got, err)
	}
}

// BenchmarkImport is a reader of 64 MiB on its way.
func BenchmarkImport(b *testing.B) {
	const sizeBytes = 64 << 20
	c := benchmark(b, &fake{importing: func(_ context.Context, in io.Reader) (repo.Imported, error) {
		n, err := io.Copy(io.Discard, in)
		return repo.Imported{Rows: uint64(n)}, err
	}})
	defer c.Close()
	b.SetBytes(sizeBytes)
	for b.Loop() {
		out, err := c.Import(b.Context(), io.LimitReader(zeros{}, sizeBytes), repo.ImportRequest{})
		if err != nil || out.Rows != sizeBytes {
			b.Fatal(out, err)
		}
	}
}

// zeros is a reader without an end.
type zeros struct{}

func (zeros) Read(b []byte) (int, error) {
	clear(b)
	return len(b), nil
}

// BenchmarkMerge is the answer to a merge that has left out 10,000 transactions.
func BenchmarkMerge(b *testing.B) {
	m := repo.Merged{Excluded: make([]repo.Exclusion, 10_000)}
	for i := range m.Excluded {
		m.Excluded[i] = repo.Exclusion{
			Transaction: repo.TxID{Batch: object.Sum([]byte("batch")), Index: uint64(i)}, Reason: object.ReasonFieldChanged,
			Table: "accounts", Key: []key.Component{key.Int(int64(i))}, Field: "balance",
		}
	}
	c := benchmark(b, &fake{merge: func(context.Context) (repo.Merged, error) { return m, nil }})
	defer c.Close()
	for b.Loop() {
		if out, err := c.Merge(b.Context(), repo.MergeRequest{}); err != nil || len(out.Excluded) != len(m.Excluded) {
			b.Fatal(err)
		}
	}
}
