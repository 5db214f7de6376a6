package rows

import (
	"bufio"
	"fmt"
	"io"
)

// Side says which of two branches makes changes. What Left and Right change is disjoint,
// and never on neighbouring rows, so that line-based tools can merge it as well.
type Side int

// The sides.
const (
	Left Side = iota
	Right
)

// Changes are new amounts for Count of Rows rows. The zero Side is Left.
type Changes struct {
	Rows  int // in the table
	Count int // that change
	// Contiguous changes one run of neighbours; otherwise they lie all over the table.
	Contiguous bool
	Side       Side
	// Clash makes both sides change the same rows, each to a value of its own.
	Clash bool
	// Round makes changes of the same rows differ from those of other rounds.
	Round int
}

// row returns the i-th row that changes, ascending in i.
func (c Changes) row(i int) int {
	side := c.Side
	if c.Clash {
		side = Left
	}
	if c.Contiguous {
		return c.Rows/8 + int(side)*(c.Rows/2) + i
	}
	// The table falls in Count strata, and each stratum in a half for either side. The last
	// row of a half stays as it is.
	from, to := c.Rows*i/c.Count, c.Rows*(i+1)/c.Count
	half := (to - from) / 2
	if half < 2 {
		return min(from+int(side)*half, c.Rows-1)
	}
	return from + int(side)*half + int(mix(uint64(i)<<1|uint64(side))%uint64(half-1))
}

// amount returns what a row changes to, which is neither its first value nor that of
// another side or round.
func (c Changes) amount(row int) int64 {
	return 10_000_000 + int64(mix(uint64(row))%1_000_000)*1000 + int64(c.Round%400)*2 + int64(c.Side)
}

// WriteOps writes the changes as operations on a table, one transaction a line, in an
// order that is not the key's.
func (c Changes) WriteOps(w io.Writer, table string) error {
	out := bufio.NewWriterSize(w, 1<<16)
	step := coprime(c.Count)
	var amount []byte
	for i := range c.Count {
		row := c.row(i * step % c.Count)
		amount = appendAmount(amount[:0], c.amount(row))
		if _, err := fmt.Fprintf(out, "{\"op\":\"put\",\"table\":%q,\"key\":\"%d\",\"fields\":{\"amount\":%s}}\n", table, ID(row), amount); err != nil {
			return err
		}
	}
	return out.Flush()
}
