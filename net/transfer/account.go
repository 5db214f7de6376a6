package transfer

import (
	"aergo/repo"
	"aergo/repo/object"
	rowkey "aergo/repo/state/key"
)

// nonceBytes is the length of what tells one merge from another.
const nonceBytes = 16

// merge asks for a merge. From then on the server asks for objects, until it answers with
// a merged.
type merge struct {
	Nonce [nonceBytes]byte // the same when it is asked again after a cut
	repo.RemoteMerge
}

// merged answers a merge: with what became of it, or with why it failed. An account may
// come with a failure.
type merged struct {
	Failed refusal // no code if it did not fail
	repo.RemoteMerged
}

func (m *merge) size() int { return 8 }

func (m *merge) append(b []byte) []byte {
	b = object.AppendBytes(head(b, m, numberMerge), m.Nonce[:])
	b = object.AppendText(b, string(m.Branch))
	b = object.AppendHash(b, m.Head)
	b = appendTags(b, m.Tags)
	b = object.AppendUint(b, uint64(m.Mode))
	b = appendBool(b, m.Strict)
	return object.AppendText(b, m.Message)
}

func (m *merge) read(r *object.Reader) {
	nonce := r.Bytes(nonceBytes)
	if len(nonce) != nonceBytes {
		r.Fail("nonce of %d bytes", len(nonce))
		return
	}
	m.Nonce = [nonceBytes]byte(nonce)
	m.Branch, m.Head, m.Tags = readName(r), r.Hash(), readTags(r)
	m.Mode, m.Strict, m.Message = object.Mode(r.UintMax(uint64(object.ModeResolve))), readBool(r), r.Text(object.MaxMessageBytes)
}

func (m *merged) size() int { return 10 }

func (m *merged) append(b []byte) []byte {
	b = head(b, m, numberMerged)
	b = m.Failed.appendTo(b)
	b = appendAccount(b, &m.Merged)
	b = appendExclusions(b, m.Merged.Excluded)
	// A merge that failed may have reached no branch.
	if m.Branch.Name == "" {
		b = object.AppendArray(b, 0)
	} else {
		b = appendBranch(object.AppendArray(b, 1), m.Branch)
	}
	b = appendBool(b, m.Created)
	b = appendTags(b, m.Tags)
	b = object.AppendArray(b, len(m.Refused))
	for _, c := range m.Refused {
		b = object.AppendText(object.AppendArray(b, 3), string(c.Name))
		b = object.AppendHash(object.AppendHash(b, c.Ours), c.Theirs)
	}
	b = object.AppendUint(object.AppendArray(b, 3), m.Transfer.Objects)
	return object.AppendUint(object.AppendUint(b, m.Transfer.Bytes), m.Transfer.Blocks)
}

func (m *merged) read(r *object.Reader) {
	m.Failed.readFrom(r)
	readAccount(r, &m.Merged)
	m.Merged.Excluded = readExclusions(r)
	if r.Array(1) == 1 {
		m.Branch = readBranch(r)
	}
	m.Created = readBool(r)
	m.Tags = readTags(r)
	for n := r.Array(maxRefs); n > 0 && r.Err() == nil; n-- {
		r.ArrayOf(3)
		m.Refused = append(m.Refused, repo.TagConflict{Name: readName(r), Ours: r.Hash(), Theirs: r.Hash()})
	}
	r.ArrayOf(3)
	m.Transfer = repo.Transfer{Objects: r.Uint(), Bytes: r.Uint(), Blocks: r.Uint()}
}

func appendAccount(b []byte, m *repo.Merged) []byte {
	b = object.AppendArray(b, 14)
	b = object.AppendText(b, string(m.Target))
	b = object.AppendHash(b, m.Source)
	b = appendHashes(b, m.Bases)
	b = object.AppendHash(b, m.Block)
	b = object.AppendUint(b, m.Height)
	for _, yes := range [...]bool{m.UpToDate, m.FastForward, m.DryRun} {
		b = appendBool(b, yes)
	}
	for _, n := range [...]uint64{m.Applied, m.Noop, m.Resolved, m.Inherited, m.Dropped, m.Already} {
		b = object.AppendUint(b, n)
	}
	return object.AppendUint(b, m.Forced)
}

// maxBases bounds the merge bases of two heads.
const maxBases = 1 << 12

func readAccount(r *object.Reader, m *repo.Merged) {
	r.ArrayOf(14)
	m.Target, m.Source, m.Bases, m.Block, m.Height = readOptionalName(r), r.Hash(), readHashes(r, maxBases), r.Hash(), r.Uint()
	if len(m.Bases) == 0 {
		m.Bases = nil
	}
	for _, yes := range [...]*bool{&m.UpToDate, &m.FastForward, &m.DryRun} {
		*yes = readBool(r)
	}
	for _, n := range [...]*uint64{&m.Applied, &m.Noop, &m.Resolved, &m.Inherited, &m.Dropped, &m.Already, &m.Forced} {
		*n = r.Uint()
	}
}

func appendExclusions(b []byte, all []repo.Exclusion) []byte {
	b = object.AppendArray(b, len(all))
	for _, x := range all {
		b = object.AppendHash(object.AppendArray(b, 8), x.Transaction.Batch)
		b = object.AppendUint(b, x.Transaction.Index)
		b = object.AppendUint(b, uint64(x.Reason))
		b = object.AppendUint(b, x.Op)
		b = object.AppendText(b, x.Table)
		b = object.AppendBytes(b, rowkey.Append(nil, x.Key...))
		b = object.AppendText(b, x.Field)
		b = object.AppendHash(b, x.Block)
	}
	return b
}

func readExclusions(r *object.Reader) []repo.Exclusion {
	var all []repo.Exclusion
	for n := r.Array(maxListBytes); n > 0 && r.Err() == nil; n-- {
		r.ArrayOf(8)
		x := repo.Exclusion{Transaction: repo.TxID{Batch: r.Hash(), Index: r.Uint()}}
		x.Reason, x.Op, x.Table = object.Reason(r.UintMax(255)), r.Uint(), r.Text(object.MaxNameBytes)
		if tuple := r.Bytes(object.MaxStateKeyBytes); len(tuple) > 0 {
			key, err := rowkey.Decode(tuple)
			if err != nil {
				r.Fail("%v", err)
			}
			x.Key = key
		}
		x.Field, x.Block = r.Text(object.MaxNameBytes), r.Hash()
		all = append(all, x)
	}
	return all
}
