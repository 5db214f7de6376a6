package ui

import (
	"fmt"
	"time"

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

// Duration returns a time span as people say it: "350 ms", "1.2 s", "2 min 05 s",
// "3 h 07 min".
func Duration(d time.Duration) string {
	switch {
	case d < 0:
		return "-" + Duration(-max(d, -1<<62))
	case d < time.Millisecond:
		return fmt.Sprintf("%d us", d.Microseconds())
	case d < 999500*time.Microsecond:
		return fmt.Sprintf("%d ms", d.Round(time.Millisecond).Milliseconds())
	case d < 59950*time.Millisecond:
		return fmt.Sprintf("%.1f s", d.Seconds())
	}
	seconds := int64(d.Round(time.Second) / time.Second)
	if seconds < 3600 {
		return fmt.Sprintf("%d min %02d s", seconds/60, seconds%60)
	}
	minutes := (seconds + 30) / 60
	return fmt.Sprintf("%d h %02d min", minutes/60, minutes%60)
}

// ShortHash returns the first eight digits of a hash in hex.
func ShortHash(hex string) string {
	if len(hex) <= 8 {
		return hex
	}
	return hex[:8]
}
