package main_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"

	"aergo/testdata/rows"
)

const (
	servedRows    = 1_000_000
	servedChanges = 1_000
	servedName    = "ledger"

	opClone     = "clone of 1M rows"
	opPush      = "push of 1k rows"
	opPull      = "pull of 1k rows"
	opMergePush = "push of 1k rows, merged with 1k others"
	opMake      = "import and commit of those rows, on this machine"
	opVerify    = "verify, all executed again, on this machine"
)

// BenchmarkDaemon measures what goes over the network: whole processes of the built program
// and of git, each with its own daemon on the loopback, in one run. The table has 1,000,000
// rows of about sixty bytes; changes are of 1,000 of them, from all over it. Beside that it
// measures the bytes on the wire, reads through the daemon's socket and its gateway under load,
// and what a bare libp2p stream carries. The outcome is a page on standard output, and in the file that
// AERGO_DAEMON_REPORT names. It takes minutes; with -short the table has 20,000 rows.
//
//	go test -run '^$' -bench Daemon -benchtime 1x -timeout 60m ./cmd/aergo
func BenchmarkDaemon(b *testing.B) {
	n := servedRows
	if testing.Short() {
		n = 20_000
	}
	for b.Loop() {
		d := newServedBench(b, n)
		d.raw()
		d.aergoNetwork()
		d.gitNetwork()
		d.load()
		d.raw()
		d.report.memory = d.daemonMemory()
		d.report.print(b)
	}
}

// servedBench is one run of it.
type servedBench struct {
	*tableBench
	report *daemonReport

	at, gateway string       // HOST:PORT of aergo's daemon, and the URL of its gateway
	daemon      int          // its process
	served      string       // folder of what it serves
	refused     atomic.Int64 // reads that it had no time for
}

func newServedBench(b *testing.B, n int) *servedBench {
	w := newWhole(b)
	t := &tableBench{whole: w, n: n, folder: w.fresh(), runs: longRuns}
	t.csv = t.file("rows.csv", func(f *os.File) error { return rows.WriteCSV(f, n) })
	return &servedBench{tableBench: t, report: newDaemonReport(n)}
}

// aergoNetwork measures aergo's clones, pushes and pulls.
func (d *servedBench) aergoNetwork() {
	root := d.fresh()
	d.served = d.makeFolder(filepath.Join(root, servedName))
	d.run(d.aergo, d.served, "init")
	made := d.run(d.aergo, d.served, "import", d.csv, "--table", "t", "--key", "id")
	d.report.add(opMake, "aergo", made.then(d.run(d.aergo, d.served, "commit", "-m", "A table")))
	d.at = d.startAergo(root)
	url := "aergo://" + d.at + "/" + servedName

	var cloned []cost
	for range d.runs + 1 { // the first one warms up
		folder := filepath.Join(d.fresh(), "clone")
		cloned = append(cloned, d.run(d.aergo, d.folder, "clone", url, folder))
		d.report.clone = d.weightOf(folder, nil)
		d.remove(folder)
	}
	d.report.add(opClone, "aergo", median(cloned[1:]))
	proxied := d.proxy(d.at)
	pusher, puller := filepath.Join(d.fresh(), "a"), filepath.Join(d.fresh(), "b")
	d.report.addWire(opClone, "aergo", proxied.counts(func() {
		d.run(d.aergo, d.folder, "clone", "aergo://"+proxied.at+"/"+servedName, pusher)
	}))
	d.run(d.aergo, d.folder, "clone", url, puller)
	d.report.add(opVerify, "aergo", median(d.repeat(d.aergo, puller, d.runs, same("verify"))))

	direct := filepath.Join(d.fresh(), "c")
	d.run(d.aergo, d.folder, "clone", url, direct)
	var pushed, pulled, merged []cost
	for round := range shortRuns {
		d.aergoChange(direct, rows.Left, round)
		pushed = append(pushed, d.run(d.aergo, direct, "push"))
		pulled = append(pulled, d.run(d.aergo, puller, "pull"))
	}
	for round := range shortRuns {
		d.aergoChange(direct, rows.Left, shortRuns+round)
		d.aergoChange(puller, rows.Right, shortRuns+round)
		d.run(d.aergo, direct, "push")
		merged = append(merged, d.run(d.aergo, puller, "push", "--strict"))
		d.run(d.aergo, direct, "pull")
	}
	d.report.add(opPush, "aergo", median(pushed))
	d.report.add(opPull, "aergo", median(pulled))
	d.report.add(opMergePush, "aergo", median(merged))
	d.aergoWire(pusher, puller, proxied)
}

// aergoWire counts the bytes of a push and of a pull, and what they ought to be.
func (d *servedBench) aergoWire(pusher, puller string, proxied *proxy) {
	d.run(d.aergo, pusher, "pull")
	before := d.objects(pusher)
	d.aergoChange(pusher, rows.Left, 2*shortRuns)
	d.report.change = d.weightOf(pusher, before)
	d.report.operations, d.report.csv = d.compressed(filepath.Join(d.folder, changesFile)), d.compressed(d.csv)
	d.report.addWire(opPush, "aergo", proxied.counts(func() { d.run(d.aergo, pusher, "push") }))
	d.run(d.aergo, puller, "remote", "add", "counted", "aergo://"+proxied.at+"/"+servedName)
	d.report.addWire(opPull, "aergo", proxied.counts(func() { d.run(d.aergo, puller, "pull", "counted") }))
}

// aergoChange commits the changes of a round.
func (d *servedBench) aergoChange(folder string, side rows.Side, round int) {
	d.run(d.aergo, folder, "apply", d.ops(rows.Changes{Rows: d.n, Count: servedChanges, Side: side, Round: round}))
	d.run(d.aergo, folder, "commit", "-m", "A change")
}

// gitNetwork measures the same with git, whose clones are bare and whose pulls are fetches, so
// that no work tree is written.
func (d *servedBench) gitNetwork() {
	work := d.fresh()
	d.run(d.git, work, "init", "-q")
	path := filepath.Join(work, gitFile)
	d.write(path, func(f *os.File) error { return rows.WriteLines(f, d.n) })
	d.run(d.git, work, "add", gitFile)
	d.run(d.git, work, "commit", "-q", "-m", "A table")
	root := d.fresh()
	d.run(d.git, root, "clone", "-q", "--bare", work, servedName)
	at := d.startGit(root)
	url := "git://" + at + "/" + servedName

	var cloned, pushed, pulled []cost
	for range d.runs + 1 {
		folder := filepath.Join(d.fresh(), "clone")
		cloned = append(cloned, d.run(d.git, d.folder, "clone", "-q", "--bare", url, folder))
		d.remove(folder)
	}
	d.report.add(opClone, "git", median(cloned[1:]))
	proxied := d.proxy(at)
	puller := filepath.Join(d.fresh(), "clone")
	d.report.addWire(opClone, "git", proxied.counts(func() {
		d.run(d.git, d.folder, "clone", "-q", "--bare", "git://"+proxied.at+"/"+servedName, puller)
	}))
	push := func(to string) cost { return d.run(d.git, work, "push", "-q", to, "master") }
	pull := func(from string) cost { return d.run(d.git, puller, "fetch", "-q", from, "master") }
	var all []rows.Changes
	for round := range shortRuns + 1 {
		all = append(all, rows.Changes{Rows: d.n, Count: servedChanges, Round: round})
		d.gitChange(work, all[round:]...)
		d.run(d.git, work, "commit", "-q", "-a", "-m", "A change")
		if round < shortRuns {
			pushed, pulled = append(pushed, push(url)), append(pulled, pull(url))
		}
	}
	d.report.add(opPush, "git", median(pushed))
	d.report.add(opPull, "git", median(pulled))
	counted := "git://" + proxied.at + "/" + servedName
	d.report.addWire(opPush, "git", proxied.counts(func() { push(counted) }))
	d.report.addWire(opPull, "git", proxied.counts(func() { pull(counted) }))
}

// hostPort returns the HOST:PORT of an address that a daemon prints.
func hostPort(address string) string {
	_, at, _ := strings.Cut(address, "@")
	return strings.TrimSpace(at)
}

func (d *servedBench) fail(err error) {
	if err != nil {
		d.b.Helper()
		d.b.Fatal(fmt.Errorf("benchmark of the daemon: %w", err))
	}
}
