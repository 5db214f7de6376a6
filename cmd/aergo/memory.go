package main

import "runtime/debug"

// How far memory grows, in percent of what is in use, before it is collected. An import
// holds its file, and little else for long: collecting sooner than usual keeps it small at
// little cost. Merging and its like allocate much, keep most of it, and end within seconds:
// collecting would find nothing.
const (
	thriftyGCPercent = 70
	lavishGCPercent  = 400
)

// collectAt sets the pace of collection, unless the user has set one.
func (a *app) collectAt(percent int) {
	if a.env.Getenv("GOGC") == "" {
		debug.SetGCPercent(percent)
	}
}
