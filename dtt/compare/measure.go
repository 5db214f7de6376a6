package compare

import (
	"context"
	"fmt"
	"slices"
	"time"

	"aergo/dtt"
	"aergo/dtt/workload"
)

// Plan is what a comparison measures.
type Plan struct {
	Loads             []workload.Load
	WorksMicroseconds []int // of each transaction, one after another
	// PerLane is about how long to run each lane in all, in turns with the others. The best
	// of the runs counts; the median is reported, too.
	PerLane time.Duration
	// Passes is how often to go through all the loads, so that what else the machine does
	// for a while spoils a part of a lane's runs only. 0 means 1.
	Passes int
}

// The fewest and the most runs of a lane in a pass, however long they take.
const (
	leastRuns = 2
	mostRuns  = 50
)

// Took is what the runs of a lane took.
type Took struct {
	Best, Median time.Duration
	Runs         int
}

// Result is what one load with one work per transaction took, on each lane.
type Result struct {
	Load             string
	Transactions     int
	WorkMicroseconds int
	Took             map[Lane]Took
	// Predicted is the speed-up of the tree with checkpoints by workers, as its shape says:
	// work alone, added up along the schedule.
	Predicted map[int]float64

	runs map[Lane][]time.Duration
}

// Speedup returns how many times as fast as the serial lane another is, by their best runs.
func (r Result) Speedup(l Lane) float64 {
	return float64(r.Took[Lanes()[0]].Best) / float64(r.Took[l].Best)
}

// MedianSpeedup is Speedup by the medians.
func (r Result) MedianSpeedup(l Lane) float64 {
	return float64(r.Took[Lanes()[0]].Median) / float64(r.Took[l].Median)
}

// PredictedWorkers returns the numbers of workers that predictions are made for.
func PredictedWorkers() []int { return []int{1, 2, 4, 8, 16} }

// Run measures. It fails with ErrState if a lane ends in another state than the serial one.
func (p Plan) Run(ctx context.Context) ([]Result, error) {
	shops := map[int]*workshop{}
	for _, l := range Lanes() {
		if shops[l.Workers] == nil {
			shops[l.Workers] = newWorkshop(l.Workers)
			defer shops[l.Workers].close()
		}
	}
	perMicrosecond := workload.PerMicrosecond()
	var results []Result
	for _, load := range p.Loads {
		for _, work := range p.WorksMicroseconds {
			results = append(results, Result{
				Load: load.Name, Transactions: load.Transactions(), WorkMicroseconds: work, runs: map[Lane][]time.Duration{},
			})
		}
	}
	for range max(p.Passes, 1) {
		for i := range results {
			r := &results[i]
			blocks := p.Loads[i/len(p.WorksMicroseconds)].Blocks
			if err := p.measure(ctx, shops, r, blocks, perMicrosecond); err != nil {
				return nil, fmt.Errorf("%s, %d us: %w", r.Load, r.WorkMicroseconds, err)
			}
		}
	}
	for i := range results {
		results[i].sum()
	}
	return results, nil
}

// measure runs the blocks of a load on every lane, in turns.
func (p Plan) measure(ctx context.Context, shops map[int]*workshop, r *Result, blocks []*dtt.Lists, perMicrosecond int) error {
	var beds []*bed
	for _, block := range blocks {
		b, err := newBed(ctx, block, r.WorkMicroseconds, perMicrosecond)
		if err != nil {
			return err
		}
		beds = append(beds, b)
	}
	r.Predicted = predict(beds)
	for run, runs := 0, leastRuns; run < runs; run++ {
		for _, lane := range Lanes() {
			sum := time.Duration(0)
			for _, b := range beds {
				took, err := b.time(func() (uint64, error) { return shops[lane.Workers].run(ctx, lane.Engine, b) })
				if err != nil {
					return fmt.Errorf("%v: %w", lane, err)
				}
				sum += took
			}
			if run == 0 && lane.Engine == Serial {
				runs = int(min(max(p.PerLane/time.Duration(max(p.Passes, 1))/max(sum, 1), leastRuns), mostRuns))
			}
			r.runs[lane] = append(r.runs[lane], sum)
		}
	}
	return nil
}

// sum sums the runs up.
func (r *Result) sum() {
	r.Took = map[Lane]Took{}
	for lane, runs := range r.runs {
		slices.Sort(runs)
		r.Took[lane] = Took{Best: runs[0], Median: runs[len(runs)/2], Runs: len(runs)}
	}
}

// predict adds up the makespans of the published trees.
func predict(beds []*bed) map[int]float64 {
	out := map[int]float64{}
	for _, workers := range PredictedWorkers() {
		work, makespan := uint64(0), uint64(0)
		for _, b := range beds {
			p := &b.published
			work += p.tree.Work(p.costs)
			makespan += p.tree.Makespan(p.costs, workers)
		}
		out[workers] = 1
		if makespan > 0 {
			out[workers] = float64(work) / float64(makespan)
		}
	}
	return out
}
