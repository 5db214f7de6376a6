package workload

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"

	"github.com/klauspost/compress/zstd"

	"aergo/dtt"
)

// ErrBadCase is wrapped by the error of access sets that cannot be read.
var ErrBadCase = errors.New("bad access sets")

// EthereumFile is the file of a folder of real transfers that Ethereum reads.
const EthereumFile = "access.jsonl.zst"

const (
	maxLineBytes   = 16 << 20
	maxMemoryBytes = 64 << 20
)

// Ethereum reads the access sets of real Ethereum blocks from a folder, and returns two
// loads: the blocks as they are, and all of them joined into one. EthereumFile is JSON
// lines, compressed: for each block a line with its dictionary of keys, then one line for
// each transaction with the indices of the keys that it read and wrote:
//
//	{"block": 1, "keys": ["b0xab...", ...]}
//	{"block": 1, "r": [0, 1], "w": [1]}
//
// It fails with ErrBadCase or the folder's error.
func Ethereum(folder fs.FS) ([]Load, error) {
	f, err := folder.Open(EthereumFile)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	z, err := zstd.NewReader(f, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxMemory(maxMemoryBytes))
	if err != nil {
		return nil, fmt.Errorf("%s: %w", EthereumFile, err)
	}
	defer z.Close()
	loads, err := readEthereum(z)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", EthereumFile, err)
	}
	return loads, nil
}

// accessSets gathers blocks from lines.
type accessSets struct {
	blocks  []*dtt.Lists
	current *dtt.ListBuilder // of the block being read; nil before the first
	keys    []dtt.Unit       // of it, by index, as numbered in the joined block
	joined  dtt.ListBuilder
	units   map[string]dtt.Unit // of the joined block
}

// accessLine is a line of EthereumFile; one with keys begins a block.
type accessLine struct {
	Keys *[]string `json:"keys"`
	R    []int     `json:"r"`
	W    []int     `json:"w"`
}

func readEthereum(r io.Reader) ([]Load, error) {
	s := accessSets{units: map[string]dtt.Unit{}}
	lines := bufio.NewScanner(r)
	lines.Buffer(nil, maxLineBytes)
	for number := 1; lines.Scan(); number++ {
		var in accessLine
		if err := json.Unmarshal(lines.Bytes(), &in); err != nil {
			return nil, fmt.Errorf("line %d: %w: %w", number, ErrBadCase, err)
		}
		if err := s.add(&in); err != nil {
			return nil, fmt.Errorf("line %d: %w", number, err)
		}
	}
	if err := lines.Err(); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrBadCase, err)
	}
	if err := s.end(); err != nil {
		return nil, err
	}
	joined, err := s.joined.Lists()
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrBadCase, err)
	}
	return []Load{{"ethereum", s.blocks}, {"ethereum joined", []*dtt.Lists{joined}}}, nil
}

func (s *accessSets) add(in *accessLine) error {
	if in.Keys != nil {
		if err := s.end(); err != nil {
			return err
		}
		s.current, s.keys = new(dtt.ListBuilder), s.keys[:0]
		for _, key := range *in.Keys {
			u, ok := s.units[key]
			if !ok {
				u = dtt.Unit(len(s.units))
				s.units[key] = u
			}
			s.keys = append(s.keys, u)
		}
		return nil
	}
	if s.current == nil {
		return fmt.Errorf("%w: a transaction comes before the first block", ErrBadCase)
	}
	s.current.Begin()
	s.joined.Begin()
	for _, part := range []struct {
		indices []int
		mode    dtt.Mode
	}{{in.R, dtt.Read}, {in.W, dtt.Write}} {
		for _, i := range part.indices {
			if i < 0 || i >= len(s.keys) {
				return fmt.Errorf("%w: key %d of %d", ErrBadCase, i, len(s.keys))
			}
			s.current.Add(dtt.Unit(i), part.mode)
			s.joined.Add(s.keys[i], part.mode)
		}
	}
	return nil
}

// end ends the block being read.
func (s *accessSets) end() error {
	if s.current == nil {
		return nil
	}
	lists, err := s.current.Lists()
	if err != nil {
		return fmt.Errorf("%w: %w", ErrBadCase, err)
	}
	s.blocks = append(s.blocks, lists)
	return nil
}
