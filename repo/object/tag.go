package object

// Tag is a named block. It is sealed by who made it and never changes.
type Tag struct {
	Lineage    Hash
	Name       string
	Block      Hash
	Tagger     Identity
	Message    string
	TimeMillis uint64
	Extensions []Extension
}

// Encode returns the one encoding of t.
func (t *Tag) Encode() []byte {
	out := appendRecord(nil, KindTag, 7)
	out = AppendHash(out, t.Lineage)
	out = AppendText(out, t.Name)
	out = AppendHash(out, t.Block)
	out = appendIdentity(out, t.Tagger)
	out = AppendText(out, t.Message)
	out = AppendUint(out, t.TimeMillis)
	return appendExtensions(out, t.Extensions)
}

// DecodeTag reads the record of a tag.
func DecodeTag(data []byte) (*Tag, error) {
	r := NewReader(data)
	r.record(KindTag, 7)
	t := &Tag{
		Lineage: r.Hash(), Name: r.Text(MaxNameBytes), Block: r.Hash(), Tagger: r.identity(),
		Message: r.Text(MaxMessageBytes), TimeMillis: r.Uint(), Extensions: r.extensions(),
	}
	if err := r.finish(KindTag); err != nil {
		return nil, err
	}
	return t, nil
}
