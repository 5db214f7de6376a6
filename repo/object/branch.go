package object

// branchDomain keeps the bytes of a branch's identity apart from those of any record,
// whose second element is a number.
const branchDomain = "aergo/branch/v1"

// BranchID returns the id of a branch: the hash of the canonical array
//
//	[1, "aergo/branch/v1", genesis, root, name, nonce]
//
// genesis is the hash of the Directory's first block, root that of the block which the
// branch starts from (zero for a branch that begins with a block of its own). The id
// stays when the branch is renamed; name is the one it was created under. nonce tells
// apart branches that were created alike.
func BranchID(genesis, root Hash, name string, nonce uint64) Hash {
	b := AppendArray(make([]byte, 0, 128+len(name)), 6)
	b = AppendUint(b, Version)
	b = AppendText(b, branchDomain)
	b = AppendHash(b, genesis)
	b = AppendHash(b, root)
	b = AppendText(b, name)
	return Sum(AppendUint(b, nonce))
}
