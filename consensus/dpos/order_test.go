package dpos

import (
	"flag"
	"fmt"
	"math"
	"math/rand/v2"
	"testing"

	"aergo/repo/key"
	"aergo/repo/object"
)

// values is an endless stream of in-values. A rota takes any value; that each is the
// preimage of the one before is checked elsewhere.
type values struct{ *rand.ChaCha8 }

func newValues(n int) values { return values{rand.NewChaCha8([32]byte{byte(n)})} }

func (v values) next() (h object.Hash) {
	_, _ = v.Read(h[:])
	return h
}

func rotaOf(n int, v values) rota {
	var members []Delegate
	for i := range n {
		members = append(members, Delegate{Key: key.Public{byte(i + 1)}, Anchor: v.next()})
	}
	return newRota(&Genesis{Lineage: object.Sum([]byte("lineage"))}, NewSet(members))
}

// reveal reveals a delegate's value of a round.
func (r *rota) show(i int, in object.Hash) {
	s := &r.seats[i]
	s.in, s.fresh, s.revealed = in, r.signatureOf(in), true
}

// turnRound ends the round and arranges the next with everybody in it.
func (r *rota) turnRound() {
	r.close()
	r.arrange(everySeat(len(r.seats)), r.order)
}

// uniform is Anderson's test for tables of which each trial adds one permutation: the
// statistic of the table times (n-1)/n is chi-square with (n-1)^2 degrees of freedom.
func uniform(t *testing.T, what string, table [][]int, trials int) {
	t.Helper()
	n := len(table)
	sum := 0.0
	expect := float64(trials) / float64(n)
	for _, row := range table {
		for _, got := range row {
			sum += (float64(got) - expect) * (float64(got) - expect) / expect
		}
	}
	report(t, what, sum*float64(n-1)/float64(n), (n-1)*(n-1))
}

// report compares a statistic with the value that chance exceeds once in a thousand times.
func report(t *testing.T, what string, statistic float64, freedom int) {
	t.Helper()
	k := float64(freedom)
	limit := k * math.Pow(1-2/(9*k)+3.0902*math.Sqrt(2/(9*k)), 3) // Wilson and Hilferty
	t.Logf("%s: chi-square %.1f with %d degrees of freedom; 0.1%% of samples exceed %.1f", what, statistic, freedom, limit)
	if statistic > limit {
		t.Errorf("%s: not uniform", what)
	}
}

func square(n int) [][]int {
	table := make([][]int, n)
	for i := range table {
		table[i] = make([]int, n)
	}
	return table
}

// TestOrderIsUniform looks at 100,000 rounds: who stands where, who follows from where,
// and whose the extra block is.
func TestOrderIsUniform(t *testing.T) {
	const rounds = 100_000
	for _, n := range []int{4, 7, 21} {
		v := newValues(n)
		r := rotaOf(n, v)
		places, moves, extras := square(n), square(n), make([]int, n)
		before := make([]int, n)
		for round := range rounds + 1 {
			for i := range n {
				r.show(i, v.next())
			}
			r.turnRound()
			for place, i := range r.order {
				if round > 0 {
					places[i][place]++
					moves[before[i]][place]++
				}
			}
			for place, i := range r.order {
				before[i] = place
			}
			if round > 0 {
				extras[r.extra]++
			}
		}
		uniform(t, fmt.Sprintf("n=%d, places of delegates over %d rounds", n, rounds), places, rounds)
		uniform(t, fmt.Sprintf("n=%d, places after places", n), moves, rounds)
		statistic, expect := 0.0, float64(rounds)/float64(n)
		for _, got := range extras {
			statistic += (float64(got) - expect) * (float64(got) - expect) / expect
		}
		report(t, fmt.Sprintf("n=%d, extra blocks", n), statistic, n-1)
	}
}

// TestOrderStaysUniformWithMissedTurns lets every delegate miss a third of its turns, at
// random: the value revealed last counts again.
func TestOrderStaysUniformWithMissedTurns(t *testing.T) {
	const n, rounds = 7, 100_000
	v := newValues(n)
	r := rotaOf(n, v)
	places := square(n)
	for range rounds {
		for i := range n {
			if v.Uint64()%3 > 0 {
				r.show(i, v.next())
			}
		}
		r.turnRound()
		for place, i := range r.order {
			places[i][place]++
		}
	}
	uniform(t, fmt.Sprintf("n=%d, a third of the turns missed, places over %d rounds", n, rounds), places, rounds)
}

var biasRounds = flag.Int("bias-rounds", 2000, "rounds that TestWithholdingBias plays for each cluster")

// TestWithholdingBias measures what colluders gain by withholding. Places are given in the
// order of the round that ends, so a delegate knows in its turn which place it gets if it
// reveals, and which if it does not; who comes later changes neither. It withholds when
// that, and only that, puts it first. So f colluders draw up to twice each: their share of
// first places is at most about doubled, and each value withheld costs its slot.
func TestWithholdingBias(t *testing.T) {
	rounds := *biasRounds
	t.Logf("%2s %2s  %10s %12s %15s %21s", "n", "f", "fair share", "withholding", "slots per round", "never twice in a row")
	for _, c := range [][2]int{{4, 1}, {7, 1}, {7, 2}, {10, 1}, {10, 3}, {13, 1}, {13, 4}, {21, 1}, {21, 6}} {
		n, f := c[0], c[1]
		all, lost := withhold(n, f, rounds, false)
		careful, _ := withhold(n, f, rounds, true)
		fair := float64(f) / float64(n)
		t.Logf("%2d %2d  %10.4f %12.4f %15.4f %21.4f", n, f, fair, all, lost, careful)
		if most := 1 - math.Pow(1-1/float64(n), float64(2*f)); all > most+0.03 && all > 2*fair {
			t.Errorf("n=%d f=%d: first in %.4f of the rounds, more than two draws each give: %.4f", n, f, all, most)
		}
		if all < fair+0.5*fair*(1-2*fair) || careful > all+0.03 {
			t.Errorf("n=%d f=%d: withholding gains too little: the measure is wrong", n, f)
		}
	}
}

// withhold plays some rounds and returns in what share of them one of the first f
// delegates stood first, and how many slots a round that cost. A careful one never misses
// two turns in a row, which would exclude it.
func withhold(n, f, rounds int, careful bool) (first, lost float64) {
	v := newValues(n)
	r := rotaOf(n, v)
	missed := make([]bool, n) // the last turn
	for range rounds {
		for _, i := range r.order {
			silent := r.clone()
			r.show(i, v.next())
			if i >= f || careful && missed[i] {
				missed[i] = false
				continue
			}
			if missed[i] = !r.puts(i, 0) && silent.puts(i, 0); missed[i] {
				r = silent
				lost++
			}
		}
		if r.turnRound(); r.order[0] < f {
			first++
		}
	}
	return first / float64(rounds), lost / float64(rounds)
}

// clone returns a copy.
func (r *rota) clone() rota {
	c := *r
	c.seats = append([]seat(nil), r.seats...)
	return c
}

// puts says whether a delegate would get a place if the round ended now.
func (r *rota) puts(i, place int) bool {
	c := r.clone()
	c.turnRound()
	return c.order[place] == i
}
