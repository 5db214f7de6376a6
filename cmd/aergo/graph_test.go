package main

import (
	"strings"
	"testing"
	"time"

	"aergo/repo"
	"aergo/repo/object"
)

func TestGraph(t *testing.T) {
	for _, c := range []struct {
		blocks string // each with its time and parents, the first one's history
		want   []string
	}{
		{"c 3 b, b 2 a, a 1", []string{
			"* c",
			"* b",
			"* a",
		}},
		{"d 4 b c, c 3 a, b 2 a, a 1", []string{
			"* d",
			"|\\",
			"| * c",
			"* | b",
			"|/",
			"* a",
		}},
		{"f 6 e d, e 5 a, d 4 b c, c 3 a, b 2 a, a 1", []string{
			"* f",
			"|\\",
			"* | e",
			"| * d",
			"| |\\",
			"| | * c",
			"| * | b",
			"|_|/",
			"|/",
			"* a",
		}},
		{"e 5 d c, d 4 b, c 3 b, b 2 a x, x 1 a, a 0", []string{
			"* e",
			"|\\",
			"* | d",
			"| * c",
			"|/",
			"* b",
			"|\\",
			"| * x",
			"|/",
			"* a",
		}},
	} {
		blocks, names := map[object.Hash]repo.Block{}, map[object.Hash]string{}
		var first object.Hash
		for _, text := range strings.Split(c.blocks, ", ") {
			words := strings.Fields(text)
			b := repo.Block{ID: object.Sum([]byte(words[0])), Time: time.Unix(int64(words[1][0]), 0)}
			for _, p := range words[2:] {
				b.Parents = append(b.Parents, object.Sum([]byte(p)))
			}
			if first.IsZero() {
				first = b.ID
			}
			blocks[b.ID], names[b.ID] = b, words[0]
		}
		var got []string
		var l lanes
		for _, b := range ordered(blocks, first) {
			before, own, after := l.step(b)
			got = append(append(append(got, before...), own+" "+names[b.ID]), after...)
		}
		if strings.Join(got, "\n") != strings.Join(c.want, "\n") {
			t.Errorf("%s:\n%s\nwant\n%s", c.blocks, strings.Join(got, "\n"), strings.Join(c.want, "\n"))
		}
	}
}
