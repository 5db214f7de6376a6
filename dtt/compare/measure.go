package compare

import (
	"context"
	"fmt"
	"time"

	"aergo/dtt/workload"
)

// Plan is what a comparison measures.
type Plan struct {
	Loads             []workload.Load
	WorksMicroseconds []int // of each transaction, one after another
	// PerLane is about how long to run each lane in all, in turns with the others. The best
	// of the runs counts.
	PerLane time.Duration
}

// The fewest and the most runs of a lane, however long they take.
const (
	leastRuns = 3
	mostRuns  = 100
)

// Result is what one load with one work per transaction took, on each lane.
type Result struct {
	Load             string
	Transactions     int
	WorkMicroseconds int
	Took             map[Lane]time.Duration
	// Predicted is the speed-up of the tree with checkpoints by workers, as its shape says:
	// work alone, added up along the schedule.
	Predicted map[int]float64
}

// Speedup returns how many times as fast as the serial lane another is.
func (r Result) Speedup(l Lane) float64 { return float64(r.Took[Lane{Serial, 1}]) / float64(r.Took[l]) }

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
			var beds []*bed
			for _, block := range load.Blocks {
				b, err := newBed(ctx, block, work, perMicrosecond)
				if err != nil {
					return nil, fmt.Errorf("%s, %d us: %w", load.Name, work, err)
				}
				beds = append(beds, b)
			}
			took, err := p.measure(ctx, shops, beds)
			if err != nil {
				return nil, fmt.Errorf("%s, %d us: %w", load.Name, work, err)
			}
			results = append(results, Result{
				Load: load.Name, Transactions: load.Transactions(), WorkMicroseconds: work, Took: took, Predicted: predict(beds),
			})
		}
	}
	return results, nil
}

// measure runs the blocks of a load on every lane, in turns, and returns the best times.
func (p Plan) measure(ctx context.Context, shops map[int]*workshop, beds []*bed) (map[Lane]time.Duration, error) {
	best := map[Lane]time.Duration{}
	for run, runs := 0, leastRuns; run < runs; run++ {
		for _, lane := range Lanes() {
			sum := time.Duration(0)
			for _, b := range beds {
				took, err := b.time(func() (uint64, error) { return shops[lane.Workers].run(ctx, lane.Engine, b) })
				if err != nil {
					return nil, fmt.Errorf("%v: %w", lane, err)
				}
				sum += took
			}
			if run == 0 || sum < best[lane] {
				best[lane] = sum
			}
		}
		if serial := best[Lanes()[0]]; run == 0 {
			runs = int(min(max(p.PerLane/max(serial, 1), leastRuns), mostRuns))
		}
	}
	return best, nil
}

// predict adds up the makespans of the published trees.
func predict(beds []*bed) map[int]float64 {
	out := map[int]float64{}
	for _, workers := range PredictedWorkers() {
		work, makespan := uint64(0), uint64(0)
		for _, b := range beds {
			costs := make([]uint32, len(b.costs))
			for i, tx := range b.published.order {
				costs[i] = b.costs[tx]
			}
			work += b.published.tree.Work(costs)
			makespan += b.published.tree.Makespan(costs, workers)
		}
		out[workers] = 1
		if makespan > 0 {
			out[workers] = float64(work) / float64(makespan)
		}
	}
	return out
}
