package branch

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"strconv"
)

// Files returns the numbers of a journal's files, ascending. The last one is the current
// file; the others are what it was before, for going back to.
func (j *Journal) Files() ([]uint64, error) {
	infos, err := j.fs.ReadDir(j.folder)
	if errors.Is(err, os.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	var files []uint64
	for _, info := range infos {
		if n, err := strconv.ParseUint(info.Name(), 10, 32); err == nil {
			files = append(files, n)
		}
	}
	slices.Sort(files)
	return files, nil
}

// At returns what the journal held at a place.
func (j *Journal) At(p Place) (Contents, error) {
	if p.File == 0 {
		return Contents{}, nil
	}
	data, err := j.read(p.File)
	if err == nil && int64(len(data)) < p.LengthBytes {
		err = fmt.Errorf("%w: it is shorter than it was", ErrDamaged)
	}
	var c Contents
	if err == nil {
		c, err = parse(p.File, data[:p.LengthBytes])
	}
	if err != nil {
		return Contents{}, fmt.Errorf("%s: %w", j.name(p.File), err)
	}
	return c, nil
}

// Check reads a file as Load does, and says how many bytes at its end are no frames: an
// update that was interrupted, if anything.
func (j *Journal) Check(file uint64) (c Contents, tornBytes int64, err error) {
	data, err := j.read(file)
	if err == nil {
		c, err = parse(file, data)
	}
	if err != nil {
		return Contents{}, 0, fmt.Errorf("%s: %w", j.name(file), err)
	}
	return c, int64(len(data)) - c.Place.LengthBytes, nil
}

// Remove removes a file that is not the current one.
func (j *Journal) Remove(file uint64) error {
	now, err := j.current()
	if err != nil {
		return err
	}
	if file == now {
		return fmt.Errorf("%s: it is the current file", j.name(file))
	}
	return j.fs.Remove(j.name(file))
}
