package ui

import (
	"fmt"

	"aergo/repo/words"
)

// Clean is words.Clean.
func Clean(text string) string { return words.Clean(text) }

// Count is words.Number.
func Count(n int64) string { return words.Number(n) }

// Plural is words.Count.
func Plural(n int64, one, many string) string { return words.Count(n, one, many) }

// Bytes returns a size with three digits or so, in units of 1000: "61.7 MB".
func Bytes(sizeBytes int64) string {
	if sizeBytes > -1000 && sizeBytes < 1000 {
		return fmt.Sprintf("%d B", sizeBytes)
	}
	value, unit := float64(sizeBytes)/1000, 0
	// 999.95 and above would be printed as 1000.0.
	for ; value >= 999.95 || value <= -999.95; value /= 1000 {
		unit++
	}
	return fmt.Sprintf("%.1f %cB", value, "kMGTPE"[unit])
}
