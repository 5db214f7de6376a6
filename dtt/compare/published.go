package compare

import "aergo/dtt/workload"

// Published is what engines of others took for a block of 10,000 transfers with two
// workers, on another machine; serial execution there is the measure of it.
type Published struct {
	Load             string // as workload.Standard names it
	WorkMicroseconds int
	SerialMillis     float64
	GoBlockSTM       float64 // milliseconds: crypto-org-chain/go-block-stm
	Cosmos           float64 // milliseconds: cosmos-sdk's blockstm
	Bor              float64 // milliseconds: maticnetwork/bor
}

// Reference returns the published figures.
func Reference() []Published {
	return []Published{
		{workload.NoConflict, 10, 108, 202, 232, 96},
		{"uniform 10k", 10, 111, 145, 154, 155},
		{"zipf 10k", 10, 106, 255, 182, 404},
		{"100 hot", 10, 105, 136, 93, 280},
		{"2 hot", 10, 103, 556, 311, 328},
		{workload.NoConflict, 50, 537, 437, 448, 307},
		{"zipf 10k", 50, 528, 482, 457, 894},
		{"2 hot", 50, 539, 1149, 941, 995},
	}
}

// best returns the milliseconds of the fastest of the engines.
func (p Published) best() float64 { return min(p.GoBlockSTM, p.Cosmos, p.Bor) }
