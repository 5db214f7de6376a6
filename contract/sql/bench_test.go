package sql

import (
	"context"
	"testing"

	"aergo/contract/table"
	"aergo/contract/value"
)

// BenchmarkResolve has a case of a session that is warm, beside plain Go on the same
// encoded rows.
func BenchmarkResolve(b *testing.B) {
	c := cell(b, `{"v":10,"u":1,"n":"Ada"}`, `{"v":12,"u":5,"n":"Ada"}`, `{"v":15,"u":9,"n":"Ada"}`)
	d := cell(b, `{"v":10.50}`, `{"v":12.50}`, `{"v":15.75}`)
	l := cell(b, `{"v":["a","b"]}`, `{"v":["a","b","c","e"]}`, `{"v":["a","b","d"]}`)
	for _, bench := range []struct {
		name, source string
		c            *Case
	}{
		{"sum", "ours + theirs - base", c},
		{"newest", "iif(theirs.u > ours.u, theirs, ours)", c},
		{"tables", "SELECT max(ours.v, theirs.v) FROM ours, theirs", c},
		{"exclude", "exclude('no')", c},
		{"decimal", "decimal_sub(decimal_add(ours, theirs), base)", d},
		{"list", "SELECT json_group_array(value) FROM (SELECT value FROM json_each(ours) UNION SELECT value FROM json_each(theirs))", l},
	} {
		b.Run(bench.name, func(b *testing.B) {
			r, err := Compile([]byte(bench.source))
			if err != nil {
				b.Fatal(err)
			}
			s := r.NewSession()
			defer s.Close()
			steps := 0
			b.ReportAllocs()
			for b.Loop() {
				a, err := s.Resolve(context.Background(), bench.c)
				if err != nil {
					b.Fatal(err)
				}
				steps = a.Steps
			}
			b.ReportMetric(float64(steps), "steps")
		})
	}
	b.Run("sum-in-go", func(b *testing.B) {
		for b.Loop() {
			ours, _ := table.Lookup(c.Ours, "v")
			theirs, _ := table.Lookup(c.Theirs, "v")
			base, _ := table.Lookup(c.Base, "v")
			less, err := value.AppendNegated(nil, base)
			if err != nil {
				b.Fatal(err)
			}
			sum, err := value.Add(ours, theirs)
			if err == nil {
				_, err = value.Add(sum, less)
			}
			if err != nil {
				b.Fatal(err)
			}
		}
	})
}

// BenchmarkStart has what is paid once: a compilation, and a session to its first answer.
func BenchmarkStart(b *testing.B) {
	source := []byte("on stock.v: ours + theirs - base")
	c := cell(b, `{"v":10}`, `{"v":12}`, `{"v":15}`)
	b.Run("compile", func(b *testing.B) {
		for b.Loop() {
			if _, err := Compile(source); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("session", func(b *testing.B) {
		r, err := Compile(source)
		if err != nil {
			b.Fatal(err)
		}
		for b.Loop() {
			s := r.NewSession()
			if _, err := s.Resolve(context.Background(), c); err != nil {
				b.Fatal(err)
			}
			if err := s.Close(); err != nil {
				b.Fatal(err)
			}
		}
	})
}
