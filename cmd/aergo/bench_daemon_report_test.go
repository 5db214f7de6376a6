package main_test

import (
	"bytes"
	"fmt"
	"os"
	"runtime"
	"strings"
	"testing"
	"time"
)

// daemonReport is the page about the network.
type daemonReport struct {
	rows   int
	load   string // when the run began
	memory string // of the daemon, the largest resident set
	lines  []*networkLine
	loads  []loadFigures

	clone, csv         weight // of all that a clone has, and of the rows in it
	change, operations weight // of what a push brings, and of the changes in it

	rawRate, movedRate float64 // bytes a second
}

// networkLine is an operation over the network, by tool.
type networkLine struct {
	operation string
	took      map[string]cost
	wireBytes map[string]int64
}

// loadFigures is what so many clients see.
type loadFigures struct {
	through            string
	clients            int
	perSecond          float64
	median, p99, worst time.Duration
	refused            int64 // and asked again
}

func newDaemonReport(n int) *daemonReport { return &daemonReport{rows: n, load: loadAverage()} }

func (r *daemonReport) line(operation string) *networkLine {
	for _, l := range r.lines {
		if l.operation == operation {
			return l
		}
	}
	l := &networkLine{operation: operation, took: map[string]cost{}, wireBytes: map[string]int64{}}
	r.lines = append(r.lines, l)
	return l
}

func (r *daemonReport) add(operation, tool string, took cost) { r.line(operation).took[tool] = took }

func (r *daemonReport) addWire(operation, tool string, n int64) {
	r.line(operation).wireBytes[tool] = n
}

func (r *daemonReport) print(b *testing.B) {
	var out bytes.Buffer
	r.head(&out)
	r.network(&out)
	r.wire(&out)
	r.rates(&out)
	r.reads(&out)
	r.targets(&out)
	for _, l := range r.lines {
		b.ReportMetric(millis(l.took["aergo"].wall), metricName(l.operation)+"-ms")
	}
	fmt.Printf("\n%s\n", out.Bytes())
	if path := os.Getenv("AERGO_DAEMON_REPORT"); path != "" {
		if err := os.WriteFile(path, out.Bytes(), 0o644); err != nil {
			b.Fatal(err)
		}
	}
}

func metricName(operation string) string {
	return string(bytes.Map(func(r rune) rune {
		switch r {
		case ' ':
			return '-'
		case ',':
			return -1
		}
		return r
	}, []byte(operation)))
}

func (r *daemonReport) head(out *bytes.Buffer) {
	fmt.Fprintf(out, `# Benchmarks of the daemon

Written by `+"`make bench`"+` (`+"`go test -run '^$' -bench Daemon ./cmd/aergo`"+`).

Whole processes, from start to exit, on a table of %d rows; medians of %d clones and %d of the rest. Changes are of %d
rows from all over the table. Both daemons run on the machine that asks them, so two programs share its
processors. git does the same in the same run with the rows as lines of a file; its clones are bare and
its pulls are fetches, so that it writes no work tree. aergo's clones and pulls are verified: every hash,
every signature, and every transaction executed again. Dolt is run beside in review.

- Machine: %s
- System: %s, %s, %s
- Load when the run began: %s; when it ended: %s. %s
`,
		r.rows, longRuns, shortRuns, servedChanges, machine(), firstLine("/proc/sys/kernel/osrelease"), runtime.Version(), gitVersion(), r.load, loadAverage(),
		priority())
}

// priority says how this process, and with it all that it starts, is scheduled.
func priority() string {
	_, rest, _ := strings.Cut(firstLine("/proc/self/stat"), ") ")
	fields := strings.Fields(rest) // from the third on
	const nice, policy = 19 - 3, 41 - 3
	switch {
	case len(fields) <= policy:
		return "Its priority is unknown."
	case fields[policy] == "1" || fields[policy] == "2":
		return "All of it ran in real time, before whatever else the machine did."
	case fields[nice] != "0":
		return "It ran with a niceness of " + fields[nice] + "."
	}
	return "It ran with the usual priority."
}

func (r *daemonReport) network(out *bytes.Buffer) {
	out.WriteString("\n## Time\n\n| operation | aergo ms | cpu ms | MiB | git ms | aergo/git |\n|---|--:|--:|--:|--:|--:|\n")
	for _, l := range r.lines {
		aergo, git := l.took["aergo"], l.took["git"]
		fmt.Fprintf(out, "| %s | %s | %s | %s | %s | %s |\n", l.operation, number(millis(aergo.wall)), number(millis(aergo.cpu)),
			number(mebi(aergo.rssBytes)), number(millis(git.wall)), ratio(aergo.wall, git.wall))
	}
	fmt.Fprintf(out, "\nProcessor time and memory are the client's. The daemon's largest resident set was %s.\n", r.memory)
}

func (r *daemonReport) wire(out *bytes.Buffer) {
	fmt.Fprintf(out, `
## Bytes on the wire

All that TCP carries, both ways, with handshakes and encryption, counted by a proxy in between.

| operation | aergo kB | git kB |
|---|--:|--:|
`)
	for _, l := range r.lines {
		if len(l.wireBytes) > 0 {
			fmt.Fprintf(out, "| %s | %s | %s |\n", l.operation, kilo(l.wireBytes["aergo"]), kilo(l.wireBytes["git"]))
		}
	}
	out.WriteString(`
The same without a network, compressed with zstd at its default level as one stream:

| what | plain kB | compressed kB | on the wire/compressed |
|---|--:|--:|--:|
`)
	for _, l := range []struct {
		what      string
		w         weight
		operation string
	}{
		{"the rows, as CSV", r.csv, opClone},
		{"the objects of the clone that travel, with their signatures", r.clone, opClone},
		{"the changes of the push, as lines of JSON", r.operations, opPush},
		{"the objects of the push that travel, with their signatures", r.change, opPush},
	} {
		fmt.Fprintf(out, "| %s | %s | %s | %s |\n", l.what, kilo(l.w.moved), kilo(l.w.compressed), share(r.line(l.operation).wireBytes["aergo"], l.w.compressed))
	}
	fmt.Fprintf(out, `
The objects of the push are what has to arrive: beside what the lines say they hold, for each field, a hash of what its
author saw there, which nothing compresses, and signatures and verdicts. With the states and accounts that it made it would be %s kB.
`, kilo(r.change.plain))
}

func (r *daemonReport) rates(out *bytes.Buffer) {
	wall := r.line(opClone).took["aergo"].wall.Seconds()
	verify := r.line(opVerify).took["aergo"].wall.Seconds()
	wire := float64(r.line(opClone).wireBytes["aergo"])
	rate := func(name string, bytesPerSecond float64) {
		fmt.Fprintf(out, "| %s | %s | %.2f |\n", name, number(bytesPerSecond/1e6), bytesPerSecond/r.rawRate)
	}
	fmt.Fprintf(out, `
## Rates

A bare libp2p stream over TCP and TLS on the loopback, both ends in one process, is the limit. Plain bytes are those of
objects before compression: %s kB that a clone holds in the end, of which %s kB travel, as %s kB on the wire. The rest, states
and accounts, is made by executing the blocks.

| what | MB/s | of the bare stream |
|---|--:|--:|
`,
		kilo(r.clone.plain), kilo(r.clone.moved), kilo(int64(wire)))
	rate("bare stream", r.rawRate)
	rate("objects that travel, hashed and put in the spool, plain bytes", r.movedRate)
	rate("clone, verified: plain bytes of all that it holds", float64(r.clone.plain)/wall)
	rate("clone, verified: plain bytes that travel", float64(r.clone.moved)/wall)
	rate("clone, verified: bytes on the wire", wire/wall)
	rate("executing what is here already (verify): plain bytes of all that the clone holds", float64(r.clone.plain)/verify)
}

func (r *daemonReport) reads(out *bytes.Buffer) {
	fmt.Fprintf(out, `
## Reads under load

Rows by key, at random, through the socket of the daemon that serves the repository (RPC), and through its gateway (HTTP, as who has no
token). Each client has a connection and one call at a time; all of them are one process, which shares the processors with the daemon.
%s each.

| through | clients | reads a second | median ms | p99 ms | worst ms | refused, asked again |
|---|--:|--:|--:|--:|--:|--:|
`, loadTime)
	for _, l := range r.loads {
		fmt.Fprintf(out, "| %s | %d | %.0f | %.2f | %.2f | %.2f | %d |\n", l.through, l.clients, l.perSecond, millis(l.median), millis(l.p99), millis(l.worst), l.refused)
	}
}

// Anchors of Dolt 2.3.1 with a remote in a file, on another machine: the targets follow from
// the push.
const (
	doltPushMillis, doltPullMillis, doltCloneMillis = 980., 500., 170.

	pushFaster  = 5.
	wireAtMost  = 1.3
	cloneOfRate = 0.6
)

func (r *daemonReport) targets(out *bytes.Buffer) {
	push, wire := r.line(opPush), float64(r.line(opPush).wireBytes["aergo"])
	clone := float64(r.clone.plain) / r.line(opClone).took["aergo"].wall.Seconds() / r.rawRate
	out.WriteString("\n## Targets\n\n| target | reached | met |\n|---|--:|---|\n")
	line := func(target, reached string, met bool) {
		fmt.Fprintf(out, "| %s | %s | %s |\n", target, reached, map[bool]string{true: "yes", false: "**no**"}[met])
	}
	merged := r.line(opMergePush).took["aergo"].wall
	line(fmt.Sprintf("push of 1k rows in %.0f ms, a fifth of Dolt's to a file", doltPushMillis/pushFaster), number(millis(push.took["aergo"].wall))+" ms",
		millis(push.took["aergo"].wall) <= doltPushMillis/pushFaster)
	line("the same where it is merged with 1k others", number(millis(merged))+" ms", millis(merged) <= doltPushMillis/pushFaster)
	line(fmt.Sprintf("its bytes on the wire at most %.1f times the compressed objects", wireAtMost), share(int64(wire), r.change.compressed),
		wire <= wireAtMost*float64(r.change.compressed))
	line(fmt.Sprintf("and at most %.1f times the compressed operations", wireAtMost), share(int64(wire), r.operations.compressed),
		wire <= wireAtMost*float64(r.operations.compressed))
	line(fmt.Sprintf("clone, verified, at %.2f of the bare stream", cloneOfRate), fmt.Sprintf("%.2f", clone), clone >= cloneOfRate)
	verify := float64(r.clone.plain) / r.line(opVerify).took["aergo"].wall.Seconds() / r.rawRate
	fmt.Fprintf(out, `
The rate of a clone is that of all that it holds, in plain bytes. What is verified is executed, and executing what is here already,
without a network and without storing anything, goes at %.2f of the bare stream: no transfer makes a clone faster than that.
What moves the objects, and checks their hashes, goes at %.2f of it.
`, verify, r.movedRate/r.rawRate)
	fmt.Fprintf(out, "\nDolt 2.3.1, measured elsewhere with a remote in a file: push %.0f ms, pull %.0f ms, clone %.0f ms without verifying.\n",
		doltPushMillis, doltPullMillis, doltCloneMillis)
}

func kilo(n int64) string {
	if n == 0 {
		return ""
	}
	return number(float64(n) / 1000)
}

func share(a, b int64) string {
	if b == 0 {
		return ""
	}
	return fmt.Sprintf("%.2f", float64(a)/float64(b))
}
