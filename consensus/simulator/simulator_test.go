package simulator_test

import (
	"flag"
	"testing"
	"time"

	"aergo/consensus/simulator"
)

// For long runs: go test ./consensus/simulator -run TestSeeds -v -seeds 10000 -timeout 2h.
var (
	seeds     = flag.Int("seeds", 60, "clusters that TestSeeds runs")
	first     = flag.Uint64("first", 1, "first seed of TestSeeds")
	delegates = flag.Int("delegates", 0, "delegates of each cluster; 0 draws them from the seed")
	oracle    = flag.Bool("oracle", true, "compute every chain again")
	replay    = flag.Int("replay", 3, "every how many seeds one is run twice and compared")
)

// maxFailures ends a run that has found enough.
const maxFailures = 5

func TestSeeds(t *testing.T) {
	begin := time.Now()
	total, late, bySize := simulator.Report{}, 0, map[int]int{}
	replayed, active, worst, failed := 0, 0, 0.0, 0
	options := simulator.Options{Delegates: *delegates, WithoutOracle: !*oracle}
	for i := 0; i < *seeds && failed < maxFailures; i++ {
		seed := *first + uint64(i)
		r := simulator.Run(seed, options)
		if len(r.Violations) > 0 {
			failed++
			t.Errorf("%s", r)
		}
		if i%*replay == 0 {
			if again := simulator.Run(seed, options); again.Trace != r.Trace {
				t.Errorf("seed %d: the second run differs: trace %s, then %s", seed, r.Trace, again.Trace)
			}
			replayed++
		}
		total.Slots += r.Slots
		total.Final += r.Final
		total.Events += r.Events
		total.Messages += r.Messages
		total.Restarts += r.Restarts
		total.Convicted += r.Convicted
		total.Certified += r.Certified
		bySize[r.RoundSlots-1]++
		if r.Late {
			late++
		}
		if r.Excuse > 0 {
			active++
		}
		worst = max(worst, r.ResumedSlots/float64(r.RoundSlots))
	}
	t.Logf("seeds %d to %d in %.0f s, %d of them run twice", *first, *first+uint64(*seeds)-1, time.Since(begin).Seconds(), replayed)
	t.Logf("clusters by number of delegates: %v", bySize)
	t.Logf("%d slots, %d blocks final, %d events, %d messages, %d restarts, %d convicted, %d certificates",
		total.Slots, total.Final, total.Events, total.Messages, total.Restarts, total.Convicted, total.Certified)
	t.Logf("progress after healing within two whole rounds but in %d clusters of %d that had an excuse; at the latest after %.1f rounds", late, active, worst)
}

// TestSizes runs one cluster of every size with as many faulty delegates as it can bear.
func TestSizes(t *testing.T) {
	for n := 4; n <= 21; n++ {
		r := simulator.Run(uint64(1000+n), simulator.Options{Delegates: n, Faults: n})
		if t.Logf("%s", r); len(r.Violations) > 0 {
			t.Fail()
		}
	}
}

// TestWithoutFaults runs clusters in which only the network, the clocks and the disks are
// at fault.
func TestWithoutFaults(t *testing.T) {
	for seed := range uint64(20) {
		if r := simulator.Run(seed, simulator.Options{Faults: -1}); len(r.Violations) > 0 || r.Convicted > 0 {
			t.Errorf("%s", r)
		}
	}
}
