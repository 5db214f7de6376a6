// Package simulator runs whole clusters of consensus engines in one process from a seed:
// their network, clocks and disks are simulated, and every run with the same seed is the
// same run, event for event.
//
// world.go, host.go and weather.go know nothing of any engine's rules: they carry
// messages (late, twice, out of order, or not at all; not across a partition), let each
// node see its own wrong clock, stop nodes at any write and start them from what their
// disks kept, and watch what must hold for every engine: no two final blocks contradict
// each other, nothing final is taken back, nothing false is built on. The rest is about
// consensus/dpos: plan.go draws a cluster, its faulty delegates and its weather from a
// seed; fault.go is what faulty delegates do; oracle.go computes again, in the plainest
// way, what every block of the resulting chain must say.
//
// Signatures are hashes with the public key here, for speed: nobody in a simulated cluster
// tries to forge one but by guessing.
package simulator
