package table

import "aergo/contract/value"

// ColumnGuess finds the type of a column from its cells, such that the plain form of what
// each cell parses to is the cell again, byte for byte: integer if every cell is the plain
// form of one, else decimal, else bool, and text if there is any other cell, an empty one
// too. Cells that say null fit every type. A column of nulls only is text.
type ColumnGuess struct {
	null    string
	hasNull bool
	cells   bool // there was one that is not null
	no      typeSet
}

// typeSet is a set of types that a cell has ruled out.
type typeSet uint8

const (
	noInteger typeSet = 1 << iota
	noDecimal
	noBool
	onlyText = noInteger | noDecimal | noBool
)

// NewColumnGuess returns a guess without cells. If hasNull, the cell that is exactly null
// says null; otherwise none does.
func NewColumnGuess(null string, hasNull bool) ColumnGuess {
	return ColumnGuess{null: null, hasNull: hasNull}
}

// Observe takes a cell into account. It keeps no reference to it.
func (g *ColumnGuess) Observe(cell []byte) {
	if g.no == onlyText || g.hasNull && string(cell) == g.null {
		return
	}
	g.cells = true
	if g.no&noInteger == 0 && !value.IsInteger(cell) {
		g.no |= noInteger
	}
	if g.no&noDecimal == 0 && g.no&noInteger != 0 && !value.IsDecimal(cell) {
		g.no |= noDecimal
	}
	if g.no&noBool == 0 && !value.IsBool(cell) {
		g.no |= noBool
	}
}

// Type returns the type that all cells so far agree on.
func (g *ColumnGuess) Type() value.Type {
	switch {
	case !g.cells:
		return value.TypeText
	case g.no&noInteger == 0:
		return value.TypeInteger
	case g.no&noDecimal == 0:
		return value.TypeDecimal
	case g.no&noBool == 0:
		return value.TypeBool
	}
	return value.TypeText
}

// Infer returns the type of a column of sample cells none of which says null.
func Infer(cells ...[]byte) value.Type {
	g := NewColumnGuess("", false)
	for _, c := range cells {
		g.Observe(c)
	}
	return g.Type()
}
