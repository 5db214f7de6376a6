package contract

// Growth adds up by how much transactions may lengthen one row: see Access.GrowBytes. The
// zero Growth is none.
type Growth struct {
	bytes  int
	fields []fieldGrowth
}

type fieldGrowth struct {
	name  string
	bytes int
}

// Add counts an access to the row.
func (g *Growth) Add(a *Access) {
	if a.GrowBytes == 0 {
		return
	}
	if a.Part != PartField {
		g.bytes += a.GrowBytes
		return
	}
	for i := range g.fields {
		f := &g.fields[i]
		if f.name == a.Field {
			g.bytes += max(0, a.GrowBytes-f.bytes)
			f.bytes = max(f.bytes, a.GrowBytes)
			return
		}
	}
	g.fields = append(g.fields, fieldGrowth{a.Field, a.GrowBytes})
	g.bytes += a.GrowBytes
}

// Bytes returns the bound.
func (g *Growth) Bytes() int { return g.bytes }

// Reset makes g none, and keeps its memory.
func (g *Growth) Reset() { g.bytes, g.fields = 0, g.fields[:0] }
