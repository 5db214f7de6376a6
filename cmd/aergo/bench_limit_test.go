package main_test

import (
	"crypto/sha256"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"time"
)

// The limit of an operation is what a program takes that does nothing but what cannot be
// avoided: start, read its input, hash what it keeps, write that and sync it. It knows
// neither rows nor trees, and its bytes are as compressed as they are going to be.

// limits measures the limits of importing the table and of doing nothing.
func (t *tableBench) limits() {
	nothing, err := exec.LookPath("true")
	if err != nil {
		t.b.Fatalf("a program that does nothing is needed to compare with: %v", err)
	}
	start := t.repeat(tool{name: "true", binary: nothing}, t.folder, shortRuns, same())
	t.report.start = median(start)
	for _, operation := range []string{"init", "status", "branch", "tag", "checkout -b", "checkout", "get"} {
		t.add(limitColumn, operation, start)
	}
	var took []cost
	for range t.runs {
		took = append(took, t.report.start.then(cost{wall: t.keep(t.csv, -1)}))
	}
	t.add(limitColumn, opImport, took)
}

// limit measures the limit of an operation on the table's last changes: reading their file
// and keeping as many bytes as the operation's median run added to the disk.
func (t *tableBench) limit(operation string, measured []cost) {
	var took []cost
	for range shortRuns {
		wall := t.keep(filepath.Join(t.folder, changesFile), median(measured).diskBytes)
		took = append(took, t.report.start.then(cost{wall: wall}))
	}
	t.add(limitColumn, operation, took)
}

// keep reads a file, and hashes, writes and syncs so many bytes; all that it read if
// keepBytes is negative.
func (t *tableBench) keep(path string, keepBytes int64) time.Duration {
	in, err := os.Open(path)
	if err != nil {
		t.b.Fatal(err)
	}
	defer in.Close()
	out := filepath.Join(t.folder, "kept")
	hash := sha256.New()
	start := time.Now()
	t.write(out, func(f *os.File) error {
		to := io.MultiWriter(f, hash)
		if keepBytes < 0 {
			if _, err := io.CopyBuffer(onlyWriter{to}, in, make([]byte, 1<<20)); err != nil {
				return err
			}
			return f.Sync()
		}
		if _, err := io.Copy(io.Discard, in); err != nil {
			return err
		}
		block := make([]byte, 1<<16)
		for left := keepBytes; left > 0; left -= int64(len(block)) {
			if _, err := to.Write(block[:min(left, int64(len(block)))]); err != nil {
				return err
			}
		}
		return f.Sync()
	})
	wall := time.Since(start)
	t.remove(out)
	return wall
}

// onlyWriter hides a writer's other methods, so that a copy goes through its buffer.
type onlyWriter struct{ io.Writer }
