package main_test

import (
	"bytes"
	"crypto/sha256"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"syscall"
	"time"
)

// cost is what a process took, or what a file weighs.
type cost struct {
	wall, cpu time.Duration
	rssBytes  int64 // largest resident set
	diskBytes int64
}

// then is the cost of two processes, one after the other.
func (c cost) then(next cost) cost {
	return cost{wall: c.wall + next.wall, cpu: c.cpu + next.cpu, rssBytes: max(c.rssBytes, next.rssBytes), diskBytes: c.diskBytes + next.diskBytes}
}

// median returns the median of each figure by itself; with an even number the lower one.
func median(costs []cost) cost {
	at := func(figure func(cost) int64) int64 {
		var all []int64
		for _, c := range costs {
			all = append(all, figure(c))
		}
		slices.Sort(all)
		return all[(len(all)-1)/2]
	}
	return cost{
		wall:      time.Duration(at(func(c cost) int64 { return int64(c.wall) })),
		cpu:       time.Duration(at(func(c cost) int64 { return int64(c.cpu) })),
		rssBytes:  at(func(c cost) int64 { return c.rssBytes }),
		diskBytes: at(func(c cost) int64 { return c.diskBytes }),
	}
}

// tool is a program whose processes are measured.
type tool struct {
	name   string
	binary string
	env    []string
}

// run runs a command of a tool to its end and returns what it took. What it prints is
// thrown away as a pipe to nowhere would. The largest resident set is the kernel's figure,
// which is never below that of the benchmark itself when it started the process.
func (w *whole) run(t tool, folder string, args ...string) cost {
	return w.runUpTo(t, 0, folder, args...)
}

// runUpTo is run for a command that may exit with any code up to worst.
func (w *whole) runUpTo(t tool, worst int, folder string, args ...string) cost {
	cmd := exec.Command(t.binary, args...)
	cmd.Dir, cmd.Env = folder, t.env
	var said bytes.Buffer
	cmd.Stderr = &said
	start := time.Now()
	err := cmd.Run()
	wall := time.Since(start)
	if cmd.ProcessState == nil || cmd.ProcessState.ExitCode() < 0 || cmd.ProcessState.ExitCode() > worst {
		w.b.Fatalf("%s %q: %v\n%s", t.name, args, err, said.Bytes())
	}
	c := cost{wall: wall, cpu: cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime()}
	if usage, ok := cmd.ProcessState.SysUsage().(*syscall.Rusage); ok {
		c.rssBytes = usage.Maxrss << 10
	}
	return c
}

// repeat measures a command several times; each run gets its number.
func (w *whole) repeat(t tool, folder string, runs int, args func(run int) []string) []cost {
	var took []cost
	for i := range runs {
		took = append(took, w.run(t, folder, args(i)...))
	}
	return took
}

// numbered is the arguments of a command that makes something new each time.
func numbered(args ...string) func(run int) []string {
	return func(run int) []string {
		all := slices.Clone(args)
		all[len(all)-1] += strconv.Itoa(run)
		return all
	}
}

// same is the arguments of a command that can be run again.
func same(args ...string) func(run int) []string {
	return func(int) []string { return args }
}

func (w *whole) makeFolder(path string) string {
	if err := os.MkdirAll(path, 0o755); err != nil {
		w.b.Fatal(err)
	}
	return path
}

// fresh makes a new empty folder.
func (w *whole) fresh() string {
	w.copies++
	return w.makeFolder(filepath.Join(w.folder, "copy"+strconv.Itoa(w.copies)))
}

func (w *whole) remove(path string) {
	if err := os.RemoveAll(path); err != nil {
		w.b.Fatal(err)
	}
}

// clone copies a folder, so that a run finds what the run before it found.
func (w *whole) clone(folder string) string {
	to := w.fresh()
	if err := os.CopyFS(to, os.DirFS(folder)); err != nil {
		w.b.Fatal(err)
	}
	return to
}

func (w *whole) write(path string, fill func(f *os.File) error) {
	f, err := os.Create(path)
	if err != nil {
		w.b.Fatal(err)
	}
	if err := fill(f); err != nil {
		w.b.Fatal(err)
	}
	if err := f.Close(); err != nil {
		w.b.Fatal(err)
	}
}

func (w *whole) copyFile(to, from string) {
	in, err := os.Open(from)
	if err != nil {
		w.b.Fatal(err)
	}
	defer in.Close()
	w.write(to, func(f *os.File) error {
		_, err := io.Copy(f, in)
		return err
	})
}

func (w *whole) digest(path string) [sha256.Size]byte {
	f, err := os.Open(path)
	if err != nil {
		w.b.Fatal(err)
	}
	defer f.Close()
	hash := sha256.New()
	if _, err := io.Copy(hash, f); err != nil {
		w.b.Fatal(err)
	}
	return [sha256.Size]byte(hash.Sum(nil))
}

// weigh returns the bytes of all files in a folder.
func (w *whole) weigh(folder string) int64 {
	var sum int64
	err := filepath.WalkDir(folder, func(_ string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		sum += info.Size()
		return nil
	})
	if err != nil {
		w.b.Fatal(err)
	}
	return sum
}
