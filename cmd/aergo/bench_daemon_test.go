package main_test

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/go-git/go-billy/v5/memfs"
	"github.com/klauspost/compress/zstd"

	"aergo/net/peer"
	"aergo/testdata/rows"
)

// BenchmarkDaemon measures what goes from one machine to another, though both are this one:
// whole processes that clone, push and pull through a daemon, and git's through its own, in
// the same run and with the same rows; the bytes on the wire, counted by a relay in runs of
// their own; and what a stream carries that has nothing to say. The outcome is a table on
// standard output, and in the file that AERGO_DAEMON_REPORT names. With -short the table has
// 1,000 rows.
//
//	go test -run '^$' -bench Daemon -benchtime 1x -timeout 60m ./cmd/aergo
func BenchmarkDaemon(b *testing.B) {
	n := 1_000_000
	if testing.Short() {
		n = 1_000
	}
	for b.Loop() {
		w := &wireBench{whole: newWhole(b), n: n, changed: n / 1000, load: loadAverage()}
		w.raw = rawStream(b)
		w.aergoAt = w.aergoDaemon()
		w.gitAt = w.gitDaemon()
		w.measure()
		w.loads = []load{w.byRPC(), w.byHTTP()}
		w.print()
	}
}

// wireBench is one run of the benchmark.
type wireBench struct {
	*whole
	n, changed     int
	aergoAt, gitAt string // addresses without a repository
	server         *exec.Cmd
	load           string
	raw            float64 // bytes per second
	plain          int64   // bytes of the clone's objects
	zipped         int64   // bytes of the rows, compressed
	made           cost    // what it took to import and commit them
	lines          []wireLine
	gateway        string // its URL
	loads          []load
}

// wireLine is one operation.
type wireLine struct {
	operation  string
	aergo, git cost // diskBytes are those on the wire
	change     int64
}

// start starts a process that runs until the benchmark ends.
func (w *wireBench) start(cmd *exec.Cmd) io.Reader {
	out, err := cmd.StdoutPipe()
	if err != nil {
		w.b.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		w.b.Fatal(err)
	}
	w.b.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	})
	return out
}

// aergoDaemon makes the repository, and returns the address of a daemon that serves it.
func (w *wireBench) aergoDaemon() string {
	root := w.makeFolder(filepath.Join(w.folder, "root"))
	csv := filepath.Join(w.folder, "rows.csv")
	w.write(csv, func(f *os.File) error { return rows.WriteCSV(f, w.n) })
	w.run(w.aergo, root, "init", "ledger")
	ledger := filepath.Join(root, "ledger")
	w.made = w.run(w.aergo, ledger, "import", csv, "--table", "t", "--key", "id").then(w.run(w.aergo, ledger, "commit", "-m", "Rows"))
	w.zipped = w.compressed(csv)
	w.server = exec.Command(w.aergo.binary, "daemon", "--json", "--root", root, "--listen", "127.0.0.1:0", "--log-level", "error",
		"--gateway", "127.0.0.1:0", "--readable", "ledger")
	w.server.Env = w.aergo.env
	line, err := bufio.NewReader(w.start(w.server)).ReadBytes('\n')
	if err != nil {
		w.b.Fatal(err)
	}
	var said struct {
		Addresses []string
		Gateway   string
	}
	if err := json.Unmarshal(line, &said); err != nil {
		w.b.Fatal(err)
	}
	w.gateway = said.Gateway
	return said.Addresses[0]
}

// gitDaemon does the same for git.
func (w *wireBench) gitDaemon() string {
	base := w.makeFolder(filepath.Join(w.folder, "git"))
	work := w.makeFolder(filepath.Join(w.folder, "git-work"))
	w.run(w.git, base, "init", "-q", "--bare", "ledger")
	w.run(w.git, work, "init", "-q")
	w.write(filepath.Join(work, gitFile), func(f *os.File) error { return rows.WriteLines(f, w.n) })
	w.run(w.git, work, "add", gitFile)
	w.run(w.git, work, "commit", "-q", "-m", "Rows")
	w.run(w.git, work, "push", "-q", filepath.Join(base, "ledger"), "master")
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		w.b.Fatal(err)
	}
	at := l.Addr().(*net.TCPAddr)
	l.Close()
	cmd := exec.Command(w.git.binary, "daemon", "--base-path="+base, "--export-all", "--enable=receive-pack", "--listen=127.0.0.1",
		fmt.Sprint("--port=", at.Port), base)
	cmd.Env = w.git.env
	w.start(cmd)
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for range 1000 {
		if conn, err := net.Dial("tcp", at.String()); err == nil {
			conn.Close()
			return "git://" + at.String()
		}
		<-tick.C
	}
	w.b.Fatal("git daemon does not come up")
	return ""
}

// relay leads to the host of an address, and counts what passes.
func (w *wireBench) relay(address string) (through string, count *atomic.Int64) {
	count = new(atomic.Int64)
	at := address[strings.LastIndexAny(address, "@/")+1:]
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		w.b.Fatal(err)
	}
	w.b.Cleanup(func() { l.Close() })
	carry := func(to, from net.Conn) {
		n, _ := io.Copy(to, from)
		count.Add(n)
		if c, ok := to.(*net.TCPConn); ok {
			_ = c.CloseWrite()
		}
	}
	go func() {
		for {
			here, err := l.Accept()
			if err != nil {
				return
			}
			there, err := net.Dial("tcp", at)
			if err != nil {
				here.Close()
				continue
			}
			go carry(there, here)
			go carry(here, there)
		}
	}()
	return strings.Replace(address, at, l.Addr().String(), 1), count
}

// passed returns what has passed a relay, when it is quiet again.
func (w *wireBench) passed(count *atomic.Int64) int64 {
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for before := int64(-1); ; {
		<-tick.C
		if now := count.Load(); now == before && now > 0 {
			return now
		} else {
			before = now
		}
	}
}

// measure measures cloning, pushing and pulling.
func (w *wireBench) measure() {
	clones := w.clones()
	push := wireLine{operation: fmt.Sprintf("push of %s changed rows", short(w.changed))}
	pull := wireLine{operation: fmt.Sprintf("pull of %s changed rows", short(w.changed))}
	var aergoPush, aergoPull, gitPush, gitPull []cost
	for round := range shortRuns + 1 {
		c := rows.Changes{Rows: w.n, Count: w.changed, Round: round}
		ops := filepath.Join(w.folder, changesFile)
		w.write(ops, func(f *os.File) error { return c.WriteOps(f, "t") })
		w.run(w.aergo, clones.aergo[0], "apply", ops)
		w.run(w.aergo, clones.aergo[0], "commit", "-m", "Change")
		push.change = w.compressed(ops)
		w.write(filepath.Join(clones.git[0], gitFile), func(f *os.File) error { return rows.WriteLines(f, w.n, c) })
		w.run(w.git, clones.git[0], "commit", "-q", "-a", "-m", "Change")
		if round == shortRuns { // through relays
			push.aergo.diskBytes, pull.aergo.diskBytes = w.relayed(w.aergo, w.aergoAt, clones.aergo, "push", "pull")
			push.git.diskBytes, pull.git.diskBytes = w.relayed(w.git, w.gitAt, clones.git, "push", "pull")
			break
		}
		aergoPush = append(aergoPush, w.run(w.aergo, clones.aergo[0], "push"))
		aergoPull = append(aergoPull, w.run(w.aergo, clones.aergo[1], "pull"))
		gitPush = append(gitPush, w.run(w.git, clones.git[0], "push", "-q", "origin", "master"))
		gitPull = append(gitPull, w.run(w.git, clones.git[1], "pull", "-q", "origin", "master"))
	}
	pull.change = push.change
	push.aergo, pull.aergo = merged(median(aergoPush), push.aergo), merged(median(aergoPull), pull.aergo)
	push.git, pull.git = merged(median(gitPush), push.git), merged(median(gitPull), pull.git)
	w.lines = append(w.lines, push, pull)
}

// merged is a cost with the bytes on the wire of another one.
func merged(took, wire cost) cost {
	took.diskBytes = wire.diskBytes
	return took
}

// relayed pushes from the first folder and pulls into the second one through a relay.
func (w *wireBench) relayed(t tool, address string, folders []string, push, pull string) (pushed, pulled int64) {
	for i, verb := range []string{push, pull} {
		through, count := w.relay(address)
		where := []string{through + "/ledger:master"}
		if t.name == "git" {
			where = []string{"-q", through + "/ledger", "master"}
		}
		w.run(t, folders[i], append([]string{verb}, where...)...)
		if i == 0 {
			pushed = w.passed(count)
		} else {
			pulled = w.passed(count)
		}
	}
	return pushed, pulled
}

type cloned struct{ aergo, git []string }

func (w *wireBench) clones() (out cloned) {
	line := wireLine{operation: "clone of " + short(w.n) + " rows", change: w.zipped}
	clone := func(t tool, address string) ([]cost, []string) {
		var took []cost
		var folders []string
		for range longRuns {
			folder := w.fresh()
			took = append(took, w.run(t, folder, "clone", "-q", address+"/ledger", "ledger"))
			folders = append(folders, filepath.Join(folder, "ledger"))
		}
		return took, folders
	}
	aergo, aergoFolders := clone(w.aergo, w.aergoAt)
	git, gitFolders := clone(w.git, w.gitAt)
	line.aergo, line.git = median(aergo), median(git)
	for _, side := range []struct {
		tool    tool
		address string
		took    *cost
	}{{w.aergo, w.aergoAt, &line.aergo}, {w.git, w.gitAt, &line.git}} {
		through, count := w.relay(side.address)
		cmd := exec.Command(side.tool.binary, "clone", through+"/ledger", "ledger")
		if side.tool.name == "aergo" {
			cmd.Args = append(cmd.Args, "--json")
		}
		cmd.Dir, cmd.Env = w.fresh(), side.tool.env
		out, err := cmd.Output()
		if err != nil {
			w.b.Fatal(err)
		}
		if side.tool.name == "aergo" {
			var said struct{ Transfer struct{ Bytes int64 } }
			if err := json.Unmarshal(out, &said); err != nil {
				w.b.Fatal(err)
			}
			w.plain = said.Transfer.Bytes
		}
		side.took.diskBytes = w.passed(count)
	}
	w.lines = append(w.lines, line)
	return cloned{aergoFolders, gitFolders}
}

// compressed returns the size of a file under zstd. It holds little of it, since the kernel
// counts the benchmark's own memory in what its processes take.
func (w *wireBench) compressed(path string) int64 {
	in, err := os.Open(path)
	if err != nil {
		w.b.Fatal(err)
	}
	defer in.Close()
	var size counter
	e, err := zstd.NewWriter(&size)
	if err == nil {
		_, err = io.Copy(e, in)
	}
	if err == nil {
		err = e.Close()
	}
	if err != nil {
		w.b.Fatal(err)
	}
	return int64(size)
}

// counter counts what is written to it.
type counter int64

// Write implements io.Writer.
func (c *counter) Write(b []byte) (int, error) {
	*c += counter(len(b))
	return len(b), nil
}

// rawStream returns how many bytes a second a stream between two hosts carries.
func rawStream(b *testing.B) float64 {
	host := func(listen ...string) *peer.Host {
		id, err := peer.NewIdentity(nil)
		if err != nil {
			b.Fatal(err)
		}
		h, err := peer.New(peer.Options{Identity: id, Known: peer.OpenKnown(memfs.New(), "known"), Listen: listen})
		if err != nil {
			b.Fatal(err)
		}
		b.Cleanup(func() { _ = h.Close() })
		return h
	}
	const zeros = "/aergo/test-zeros/1"
	server := host("127.0.0.1:0")
	server.Handle(zeros, func(_ context.Context, _ peer.ID, s peer.Stream) {
		for block := make([]byte, 256<<10); ; {
			if _, err := s.Write(block); err != nil {
				return
			}
		}
	})
	s, _, err := host().Open(b.Context(), server.Addresses()[0], zeros)
	if err != nil {
		b.Fatal(err)
	}
	defer s.Reset()
	const size = 1 << 30
	began := time.Now()
	if _, err := io.CopyN(io.Discard, s, size); err != nil {
		b.Fatal(err)
	}
	return size / time.Since(began).Seconds()
}

// serverRSS returns the largest resident set of the daemon so far.
func (w *wireBench) serverRSS() string {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", w.server.Process.Pid))
	if err != nil {
		return "unknown"
	}
	_, rest, _ := strings.Cut(string(text), "VmHWM:")
	line, _, _ := strings.Cut(rest, "\n")
	return strings.TrimSpace(line)
}

func (w *wireBench) print() {
	var out bytes.Buffer
	fmt.Fprintf(&out, `# Benchmarks of the daemon

Written by `+"`make bench`"+` (`+"`go test -run '^$' -bench Daemon -benchtime 1x ./cmd/aergo`"+`).

A table of %d rows of about sixty bytes is served to the same machine, by aergo's daemon and by git's, in one run; git has the rows as
lines of a sorted file. Times are those of whole client processes, medians of %d runs, of %d for clones. What aergo takes in it verifies:
every block is executed again, every signature checked. git checks hashes, and a clone of its writes the file out. Bytes on the wire are
those of both directions, of one run more, through a relay. Beside them is what zstd makes of the CSV file of the rows, or of the file of
operations; a batch also has, for each field that it changes, the hash of what its author saw there, which nothing compresses.

| operation | aergo ms | cpu ms | MiB | git ms | aergo/git | aergo kB on the wire | git kB | rows under zstd kB |
|---|--:|--:|--:|--:|--:|--:|--:|--:|
`, w.n, shortRuns, longRuns)
	for _, l := range w.lines {
		fmt.Fprintf(&out, "| %s | %s | %s | %s | %s | %s | %s | %s | %s |\n", l.operation, number(millis(l.aergo.wall)), number(millis(l.aergo.cpu)),
			number(mebi(l.aergo.rssBytes)), number(millis(l.git.wall)), ratio(l.aergo.wall, l.git.wall), number(float64(l.aergo.diskBytes)/1000),
			number(float64(l.git.diskBytes)/1000), number(float64(l.change)/1000))
	}
	fmt.Fprintf(&out, "\n%d readers at once, each with a connection of its own, read single rows all over the table:\n\n"+
		"| through | requests/s | median ms | p99 ms |\n|---|--:|--:|--:|\n", readers)
	for _, l := range w.loads {
		fmt.Fprintf(&out, "| %s | %.0f | %.2f | %.2f |\n", l.what, l.perSecond, millis(l.half), millis(l.slowest))
	}
	clone := w.lines[0].aergo
	rate := float64(w.plain) / clone.wall.Seconds()
	fmt.Fprintf(&out, `
- Making what is cloned, by import and commit, took %s ms and %s ms of processor
- A stream between two hosts that has nothing to say: %.0f MB/s; the clone, from start to exit, %s MB of objects at %.0f MB/s: %.2f of it
- The daemon's largest resident set: %s
- Machine: %s
- System: %s, %s, %s
- Load when the run began: %s; when it ended: %s
`, number(millis(w.made.wall)), number(millis(w.made.cpu)), w.raw/1e6, number(float64(w.plain)/1e6), rate/1e6, rate/w.raw, w.serverRSS(), machine(),
		firstLine("/proc/sys/kernel/osrelease"), runtime.Version(), gitVersion(), w.load, loadAverage())
	fmt.Printf("\n%s\n", out.Bytes())
	if path := os.Getenv("AERGO_DAEMON_REPORT"); path != "" {
		if err := os.WriteFile(path, out.Bytes(), 0o644); err != nil {
			w.b.Fatal(err)
		}
	}
}
