package repo

import "context"

// GCReport is what a clean-up gained.
type GCReport struct {
	BytesBefore, BytesAfter     uint64 // of packs, indexes and pools
	ObjectsBefore, ObjectsAfter uint64
	Pools                       uint64 // files removed
}

// GC removes what nothing leads to: neither branches, tags, remotes, pools nor the
// operations that can still be undone.
func (r *Repo) GC(ctx context.Context) (GCReport, error) { return GCReport{}, errTODO }
