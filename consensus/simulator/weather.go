package simulator

import "math/rand/v2"

// weather is what the network does to messages in a storm. In calm it only delays them,
// by less than a quarter of a slot.
type weather struct {
	loss      float64 // probability that a message never arrives
	double    float64 // that it arrives twice
	late      float64 // that it is delayed by up to lateMillis instead of delayMillis
	lateMilli uint64
	delay     uint64 // milliseconds, at most
	calmDelay uint64
}

// partition keeps the hosts of a side and all others apart for some time.
type partition struct {
	from, to uint64 // milliseconds
	side     []bool // by host
}

// delays returns after how long each copy of a message arrives; none if it is lost.
func (w *world) delays(from, to int) []uint64 {
	if w.now >= w.healAt {
		return []uint64{1 + w.rng.Uint64N(w.weather.calmDelay)}
	}
	for _, p := range w.partitions {
		if p.from <= w.now && w.now < p.to && p.side[from] != p.side[to] {
			return nil
		}
	}
	if w.rng.Float64() < w.weather.loss {
		return nil
	}
	copies := []uint64{w.weather.once(w.rng)}
	if w.rng.Float64() < w.weather.double {
		copies = append(copies, w.weather.once(w.rng))
	}
	return copies
}

func (w weather) once(rng *rand.Rand) uint64 {
	if rng.Float64() < w.late {
		return 1 + rng.Uint64N(w.lateMilli)
	}
	return 1 + rng.Uint64N(w.delay)
}
