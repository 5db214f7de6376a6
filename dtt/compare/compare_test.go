package compare

import (
	"bytes"
	"context"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"aergo/dtt"
	"aergo/dtt/workload"
)

const (
	// dataVariable names the folder of real data; ethereumFolder is in it.
	dataVariable   = "AERGO_REPLAY_DATA"
	ethereumFolder = "eth-transfers"
	// reportVariable names the folder that the document and the plot are written to.
	reportVariable = "AERGO_DTT_REPORT"
)

// BenchmarkCompare measures every load on every lane and prints one table. With -short the
// blocks are smaller.
func BenchmarkCompare(b *testing.B) {
	n, plan := 10_000, Plan{WorksMicroseconds: []int{0, 2, 10, 50}, PerLane: time.Second, Passes: 3}
	if testing.Short() {
		n, plan.PerLane = 500, time.Second/10
	}
	plan.Loads = loads(b, n)
	for b.Loop() {
		before := loadAverage()
		results, err := plan.Run(context.Background())
		if err != nil {
			b.Fatal(err)
		}
		fmt.Printf("\n%s\n%s\n%s\n", Table(results), Medians(results), Shares(results))
		if folder := os.Getenv(reportVariable); folder != "" {
			machine := fmt.Sprintf("%s, %s/%s, %d processors, load average %s before and %s after.",
				runtime.Version(), runtime.GOOS, runtime.GOARCH, runtime.NumCPU(), before, loadAverage())
			write(b, filepath.Join(folder, "dtt.md"), Document(machine, results))
			write(b, filepath.Join(folder, PlotFile), Plot(results))
		}
	}
}

func write(t testing.TB, path string, content []byte) {
	t.Helper()
	if err := os.WriteFile(path, content, 0o644); err != nil {
		t.Fatal(err)
	}
}

// loadAverage says how busy the machine has been in the last minute, where that is known.
func loadAverage() string {
	text, err := os.ReadFile("/proc/loadavg")
	if first, _, ok := strings.Cut(string(text), " "); err == nil && ok {
		return first
	}
	return "unknown"
}

// loads returns the standard loads and, where the folder of real data is known, those.
func loads(t testing.TB, n int) []workload.Load {
	t.Helper()
	loads, err := workload.Standard(n)
	if err != nil {
		t.Fatal(err)
	}
	if folder := os.Getenv(dataVariable); folder != "" {
		more, err := workload.Ethereum(os.DirFS(filepath.Join(folder, ethereumFolder)))
		if err != nil {
			t.Fatal(err)
		}
		loads = append(loads, more...)
	}
	return loads
}

// Every lane ends as the serial one, on every load.
func TestLanes(t *testing.T) {
	for _, n := range []int{0, 1, 300} {
		plan := Plan{WorksMicroseconds: []int{0, 1, 30}, Loads: loads(t, n), Passes: 2}
		results, err := plan.Run(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if len(results) != len(plan.Loads)*3 {
			t.Fatalf("%d results", len(results))
		}
		for _, r := range results {
			if len(r.Took) != len(Lanes()) || r.Predicted[1] != 1 {
				t.Errorf("%s: %d lanes, speed-up of one worker %v", r.Load, len(r.Took), r.Predicted[1])
			}
		}
	}
}

// A run that leaves something out is not measured.
func TestWrongStateIsRefused(t *testing.T) {
	b, err := newBed(t.Context(), loads(t, 10)[0].Blocks[0], 0, 1)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := b.time(func() (uint64, error) { b.serial(); return b.digest, nil }); err != nil {
		t.Error(err)
	}
	if _, err := b.time(func() (uint64, error) { b.Run(3); return b.digest, nil }); !errors.Is(err, ErrState) {
		t.Errorf("got %v", err)
	}
	w := newWorkshop(1)
	defer w.close()
	if _, err := w.run(t.Context(), "guess", b); err == nil {
		t.Error("an unknown engine runs")
	}
}

// Components never have a conflict between them, and are no larger than they must be.
func TestGroup(t *testing.T) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	rng := rand.New(rand.NewPCG(seed, 1))
	var g grouper
	for range 500 {
		n, units := rng.IntN(30), 1+rng.IntN(60)
		var b dtt.ListBuilder
		for range n {
			b.Begin()
			for range rng.IntN(4) {
				b.Add(dtt.Unit(rng.IntN(units)), dtt.Mode(1+rng.IntN(3)))
			}
		}
		l, err := b.Lists()
		if err != nil {
			t.Fatal(err)
		}
		tree, order := g.group(l, make([]uint32, n), 1+rng.IntN(4))
		moved, err := l.Reorder(order)
		if err != nil {
			t.Fatal(err)
		}
		if err := dtt.Check(moved, tree); err != nil {
			t.Fatal(err)
		}
		for x := range n {
			for y := range x {
				if linked(l, x, y) != (g.root(uint32(x)) == g.root(uint32(y))) {
					t.Fatalf("transactions %d and %d of %d: linked is %v", y, x, n, linked(l, x, y))
				}
			}
		}
	}
}

// linked says whether a chain of conflicts leads from x to y.
func linked(l *dtt.Lists, x, y int) bool {
	seen := map[int]bool{x: true}
	for todo := []int{x}; len(todo) > 0; todo = todo[1:] {
		for z := range l.Len() {
			if !seen[z] && conflict(l.At(todo[0]), l.At(z)) {
				seen[z] = true
				todo = append(todo, z)
			}
		}
	}
	return seen[y]
}

func conflict(a, b []dtt.Access) bool {
	for _, x := range a {
		for _, y := range b {
			if x.Unit() == y.Unit() && x.Mode().Conflicts(y.Mode()) {
				return true
			}
		}
	}
	return false
}

// made returns results that nobody measured.
func made() []Result {
	var out []Result
	for i, load := range []string{"no conflict", "a<b", "2 hot", "100 hot", "more"} {
		for _, work := range []int{0, 10} {
			r := Result{Load: load, Transactions: 10_000, WorkMicroseconds: work, Took: map[Lane]Took{}, Predicted: map[int]float64{}}
			for k, lane := range Lanes() {
				best := time.Duration(1+i+work*k) * time.Millisecond
				r.Took[lane] = Took{Best: best, Median: 2 * best, Runs: 7 + k}
			}
			for _, workers := range PredictedWorkers() {
				r.Predicted[workers] = float64(workers) * 0.9
			}
			out = append(out, r)
		}
	}
	return out
}

func TestReport(t *testing.T) {
	table := Table(made())
	lines := strings.Split(strings.TrimSpace(table), "\n")
	if len(lines) != 2+len(made()) || !strings.Contains(table, "21.0 (0.05)") {
		t.Errorf("the table is\n%s", table)
	}
	for _, line := range lines {
		if len(line) != len(lines[0]) {
			t.Errorf("the columns are not aligned:\n%s", table)
		}
	}
	medians := Medians(made())
	if len(strings.Split(strings.TrimSpace(medians), "\n")) != 2+len(made()) || !strings.Contains(medians, "|    7 |       6.00 |         0.23 |") {
		t.Errorf("the medians are\n%s", medians)
	}
	shares := Shares(made())
	if len(strings.Split(strings.TrimSpace(shares), "\n")) != 2+3 || !strings.Contains(shares, "1.87") {
		t.Errorf("the shares are\n%s", shares)
	}
	against, limit := Against(made()), Limit(made())
	if len(strings.Split(strings.TrimSpace(against), "\n")) != 2+5 || !strings.Contains(limit, "checkpoints is 1.") {
		t.Errorf("beside the optimistic engine:\n%s%s", limit, against)
	}
	document := Document("A machine.", made())
	for _, part := range []string{"A machine. Each lane ran 7 to 7 times", PlotFile, table, medians, limit, against, shares} {
		if !bytes.Contains(document, []byte(part)) {
			t.Errorf("the document does not say %q", part)
		}
	}
}

// The plot is XML, with a point for each figure.
func TestPlot(t *testing.T) {
	picture := Plot(made())
	circles := 0
	for d := xml.NewDecoder(bytes.NewReader(picture)); ; {
		token, err := d.Token()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		if start, ok := token.(xml.StartElement); ok && start.Name.Local == "circle" {
			circles++
		}
	}
	if want := 5*2*5 + 5*2*len(PredictedWorkers()); circles != want {
		t.Errorf("%d points, want %d", circles, want)
	}
	if bytes.Contains(picture, []byte("NaN")) || !bytes.Equal(Plot(nil)[:4], []byte("<svg")) {
		t.Error("a figure is missing")
	}
}
