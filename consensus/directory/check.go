package directory

import "fmt"

// Check says whether a Directory block may lead from one view to another: the system contract,
// beside what each row by itself must be (ReadView). height is the block's. The error wraps
// ErrInvalid.
//
// A key that the Directory has known stays known, of the same identity; it is current, then
// rotated or revoked, and a rotated one may be revoked. Each change says at what height it
// was made. The owner's key can be rotated and not revoked, and the owner's validity does not
// end.
func Check(founder Key, before, after *View, height uint64) error {
	for k, old := range before.keys {
		now := after.keys[k]
		switch {
		case now == nil:
			return fmt.Errorf("%w: key %x is forgotten", ErrInvalid, k[:4])
		case now.Identity != old.Identity:
			return fmt.Errorf("%w: key %x changes hands", ErrInvalid, k[:4])
		case *now == *old:
		case old.State == now.State, old.State == Revoked, now.State == Current:
			return fmt.Errorf("%w: key %x cannot become %s again", ErrInvalid, k[:4], now.State)
		}
	}
	for k, now := range after.keys {
		old := before.keys[k]
		switch {
		case old != nil && *old == *now:
			continue
		case now.Changed != height:
			return fmt.Errorf("%w: key %x has changed at height %d, not %d", ErrInvalid, k[:4], height, now.Changed)
		case old == nil && now.State == Rotated && k != founder: // whom the Directory knows without a row
			return fmt.Errorf("%w: key %x was never there, and is rotated", ErrInvalid, k[:4])
		case now.State != Rotated && now.Until != 0:
			return fmt.Errorf("%w: key %x is %s, and has a time after rotation", ErrInvalid, k[:4], now.State)
		}
	}
	return after.checkOwner(founder)
}

// checkOwner says whether the founder, or who the Directory says that is, can go on.
func (v *View) checkOwner(founder Key) error {
	first := v.keys[founder]
	if first == nil {
		return nil
	}
	switch i := v.identities[first.Identity]; {
	case i.Key == Key{}:
		return fmt.Errorf("%w: the owner's key is revoked; it can be rotated", ErrInvalid)
	case i.Since != 0 || i.Until != 0:
		return fmt.Errorf("%w: the owner is valid always", ErrInvalid)
	}
	return nil
}
