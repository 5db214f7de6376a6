package transfer

import (
	"aergo/repo"
	"aergo/repo/object"
	"aergo/repo/ref"
)

// refs answers a list.
type refs struct{ repo.RemoteRefs }

func (m *refs) size() int { return 7 }

func (m *refs) append(b []byte) []byte {
	b = head(b, m, numberRefs)
	b = object.AppendHash(b, m.Directory)
	b = object.AppendHash(b, m.Lineage)
	b = object.AppendText(b, string(m.Head.Branch))
	b = object.AppendText(b, string(m.Head.Tag))
	b = object.AppendArray(b, len(m.Branches))
	for _, x := range m.Branches {
		b = appendBranch(b, x)
	}
	return appendTags(b, m.Tags)
}

func (m *refs) read(r *object.Reader) {
	m.Directory, m.Lineage = r.Hash(), r.Hash()
	if m.Head.Branch = readOptionalName(r); m.Head.Branch == "" {
		m.Head.Tag = readName(r)
	} else if r.Text(0) != "" {
		return
	}
	for n := r.Array(maxRefs); n > 0 && r.Err() == nil; n-- {
		m.Branches = append(m.Branches, readBranch(r))
	}
	m.Tags = readTags(r)
}

func appendBranch(b []byte, x ref.Branch) []byte {
	b = object.AppendArray(b, 7)
	b = object.AppendText(b, string(x.Name))
	b = object.AppendHash(b, x.ID)
	b = object.AppendHash(b, x.Root)
	b = object.AppendHash(b, x.Head)
	b = object.AppendUint(b, x.Nonce)
	b = object.AppendText(b, string(x.Parent))
	return object.AppendHash(b, x.Logic)
}

func readBranch(r *object.Reader) ref.Branch {
	r.ArrayOf(7)
	return ref.Branch{
		Name: readName(r), ID: r.Hash(), Root: r.Hash(), Head: r.Hash(), Nonce: r.Uint(), Parent: readOptionalName(r), Logic: r.Hash(),
	}
}

func appendTags(b []byte, tags []ref.Tag) []byte {
	b = object.AppendArray(b, len(tags))
	for _, t := range tags {
		b = object.AppendText(object.AppendArray(b, 3), string(t.Name))
		b = object.AppendHash(object.AppendHash(b, t.Object), t.Block)
	}
	return b
}

func readTags(r *object.Reader) []ref.Tag {
	var tags []ref.Tag
	for n := r.Array(maxRefs); n > 0 && r.Err() == nil; n-- {
		r.ArrayOf(3)
		tags = append(tags, ref.Tag{Name: readName(r), Object: r.Hash(), Block: r.Hash()})
	}
	return tags
}

// readName reads a name and refuses one that is not safe.
func readName(r *object.Reader) ref.Name {
	n := ref.Name(r.Text(ref.NameMaxBytes))
	if r.Err() != nil {
		return ""
	}
	if err := n.Check(); err != nil {
		r.Fail("%v", err)
	}
	return n
}

func readOptionalName(r *object.Reader) ref.Name {
	n := ref.Name(r.Text(ref.NameMaxBytes))
	if n == "" || r.Err() != nil {
		return ""
	}
	if err := n.Check(); err != nil {
		r.Fail("%v", err)
	}
	return n
}
