package merge

import (
	"context"

	"aergo/branch"
	"aergo/repo/object"
)

// farthestGround is how many blocks of the target's chain are looked at for grounds.
const farthestGround = 4096

// grounds returns the blocks of the target's chain from whose states a resolver is told
// what the source had: the last one that merged what the two have in common, and the last
// one that the source has, too. See branch/resolve.go.
func (p *Plan) grounds(ctx context.Context, c branch.Chain) ([]branch.Block, error) {
	common := map[object.Hash]bool{}
	earliest := p.Target.TimeMillis
	for _, b := range p.Bases {
		common[b.ID] = true
		earliest = min(earliest, b.TimeMillis)
	}
	if len(common) == 0 {
		return nil, nil
	}
	var out []branch.Block
	has := newLineage(p.Source)
	for at, n := p.Target, 0; n < farthestGround; n++ {
		if !at.Absorbed.IsZero() && common[at.Absorbed] && len(out) == 0 {
			out = append(out, at)
		}
		shared := common[at.ID]
		if !shared && at.TimeMillis < earliest {
			// Whatever both have is common, or before something common.
			var err error
			if shared, err = has.ancestor(ctx, c, at); err != nil {
				return nil, err
			}
		}
		if shared {
			return append(out, at), nil
		}
		if at.Parent.IsZero() {
			return out, nil
		}
		var err error
		if at, err = c.Block(ctx, at.Parent); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// resolve readies the spans of a merge for the target branch's merge logic, and says how the
// block tells of it. The caller closes the resolving.
func (p *Plan) resolve(ctx context.Context, l *branch.Ledger, req Request, spans []branch.Span, d *branch.Draft) (*branch.Resolving, error) {
	grounds, err := p.grounds(ctx, l.Chain)
	if err != nil {
		return nil, err
	}
	d.Resolver = req.Logic.Hash()
	d.Extensions = []object.Extension{branch.EncodeGrounds(grounds)}
	return l.PrepareResolving(ctx, branch.Resolve{
		Logic: req.Logic, Owner: req.Signer.Identity, Target: p.Target, Source: p.Source, Grounds: grounds,
	}, spans)
}
