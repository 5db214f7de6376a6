// Package rows makes the table that aergo is measured with: any number of rows of about
// sixty bytes, as CSV or as the sorted lines that git would keep, and changes of some of
// them, as operations for `aergo apply` or as the lines after them.
//
// Snappy leaves 0.57 of 4 KiB of the rows. That is chosen after Dolt's figures in the
// benchmarks, 35.7 MB after its gc for 61.7 MB of CSV; the rows behind those figures are
// not known, so this is an estimate of how compressible they were.
//
// Everything follows from a row's number by a fixed mix of bits, so two runs, two machines
// and two formats speak of the same rows. The package refuses to know how they are
// stored or how long that takes.
package rows

import (
	"bufio"
	"fmt"
	"io"
	"strconv"
)

// Header names the columns of the CSV; the key is the first.
const Header = "id,name,city,amount,note\n"

// FirstID is the key of row 0. Keys count up from it in steps of KeyStep.
const (
	FirstID = 1_000_000
	KeyStep = 7
)

// ID returns the key of a row.
func ID(row int) int { return FirstID + KeyStep*row }

// Row is the content of one row but its key.
type Row struct {
	Name, City  string
	AmountCents int64
	Note        string
}

// At returns row number i as it is before any change.
func At(i int) Row {
	given := [...]string{"Ada", "Ben", "Cleo", "Dan", "Eva", "Finn", "Gia", "Hugo", "Ida", "Jon", "Kim", "Leo", "Mia",
		"Noa", "Otto", "Pia", "Quin", "Rosa", "Sam", "Tia", "Uma", "Vic", "Wes", "Xena", "Yan", "Zoe"}
	family := [...]string{"Adams", "Baker", "Clark", "Davis", "Evans", "Frank", "Green", "Harris", "Irwin", "Jones", "Klein",
		"Lopez", "Moore", "Nolan", "Owens", "Price", "Quinn", "Reyes", "Smith", "Turner", "Vargas", "Walsh", "Young", "Zhang"}
	cities := [...]string{"Accra", "Berlin", "Cairo", "Dakar", "Delhi", "Hanoi", "Kyiv", "Lagos", "Lima", "Oslo", "Paris",
		"Perth", "Quito", "Rome", "Seoul", "Tokyo"}
	states := [...]string{"paid two weeks late", "paid in cash at the desk", "still open", "sent twice by mistake",
		"in dispute since March", "paid by bank transfer", "returned unopened", "cleared the same day"}
	h := mix(uint64(i))
	note := make([]byte, 0, 32)
	note = fmt.Appendf(note, "%08x ", uint32(mix(h)))
	note = append(note, pick(states[:], h>>32)...)
	return Row{
		Name:        pick(given[:], h) + " " + pick(family[:], h>>8),
		City:        pick(cities[:], h>>16),
		AmountCents: int64(mix(h+1) % 10_000_000),
		Note:        string(note),
	}
}

// append adds the row as a line of CSV.
func (r *Row) append(to []byte, id int) []byte {
	to = strconv.AppendInt(to, int64(id), 10)
	to = append(to, ',')
	to = append(to, r.Name...)
	to = append(to, ',')
	to = append(to, r.City...)
	to = append(to, ',')
	to = appendAmount(to, r.AmountCents)
	to = append(to, ',')
	to = append(to, r.Note...)
	return append(to, '\n')
}

func appendAmount(to []byte, cents int64) []byte {
	to = strconv.AppendInt(to, cents/100, 10)
	return append(to, '.', byte('0'+cents/10%10), byte('0'+cents%10))
}

// WriteCSV writes the header and rows 0 to n-1, ascending by key.
func WriteCSV(w io.Writer, n int) error {
	return write(w, n, Header, func(i int) int { return i }, nil)
}

// WriteShuffled writes the same rows in an order that is not the key's.
func WriteShuffled(w io.Writer, n int) error {
	step := coprime(n)
	return write(w, n, Header, func(i int) int { return i * step % n }, nil)
}

// WriteLines writes rows 0 to n-1 as sorted lines without a header, after changes. Where
// two changes meet on a row the later one holds.
func WriteLines(w io.Writer, n int, changes ...Changes) error {
	changed := map[int]int64{}
	for _, c := range changes {
		for i := range c.Count {
			row := c.row(i)
			changed[row] = c.amount(row)
		}
	}
	return write(w, n, "", func(i int) int { return i }, changed)
}

func write(w io.Writer, n int, header string, order func(i int) int, changed map[int]int64) error {
	out := bufio.NewWriterSize(w, 1<<16)
	if _, err := out.WriteString(header); err != nil {
		return err
	}
	var line []byte
	for i := range n {
		at := order(i)
		row := At(at)
		if cents, ok := changed[at]; ok {
			row.AmountCents = cents
		}
		line = row.append(line[:0], ID(at))
		if _, err := out.Write(line); err != nil {
			return err
		}
	}
	return out.Flush()
}

func pick(from []string, by uint64) string {
	return from[by%uint64(len(from))]
}

// mix is the finaliser of SplitMix64 (Steele, Lea and Flood, 2014).
func mix(x uint64) uint64 {
	x += 0x9e3779b97f4a7c15
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
	x = (x ^ x>>27) * 0x94d049bb133111eb
	return x ^ x>>31
}

// coprime returns a step that visits each of n places once before it comes round.
func coprime(n int) int {
	if n < 3 {
		return 1
	}
	for step := n*5/8 | 1; ; step += 2 {
		a, b := n, step%n
		for b != 0 {
			a, b = b, a%b
		}
		if a == 1 {
			return step % n
		}
	}
}
