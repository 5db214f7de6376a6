package replay

import (
	"bytes"
	"fmt"
	"io"
	"io/fs"
	"strings"

	"github.com/klauspost/compress/zstd"
)

// maxFileBytes bounds a file of a case, decompressed.
const maxFileBytes = 256 << 20

// readFile reads a file of a case, decompressed if its name says so.
func readFile(folder fs.FS, name string) ([]byte, error) {
	f, err := folder.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	var in io.Reader = f
	if strings.HasSuffix(name, ".zst") {
		z, err := zstd.NewReader(f, zstd.WithDecoderConcurrency(1))
		if err != nil {
			return nil, bad("%w", err)
		}
		defer z.Close()
		in = z
	}
	data, err := io.ReadAll(io.LimitReader(in, maxFileBytes+1))
	if err != nil {
		return nil, bad("%w", err)
	}
	if len(data) > maxFileBytes {
		return nil, bad("above the limit of %d bytes", maxFileBytes)
	}
	return data, nil
}

// lines makes of a reader of one line a reader of a file of them.
func lines(read func(line []byte) error) func(data []byte) error {
	return func(data []byte) error {
		n := 0
		for line := range bytes.Lines(data) {
			n++
			if line = bytes.TrimSpace(line); len(line) == 0 {
				continue
			}
			if err := read(line); err != nil {
				return fmt.Errorf("line %d: %w", n, err)
			}
		}
		return nil
	}
}
