//go:build unix

package rpc

import (
	"io/fs"
	"os"
	"syscall"
)

// isOurs says whether a file belongs to the user of this process.
func isOurs(info fs.FileInfo) bool {
	stat, ok := info.Sys().(*syscall.Stat_t)
	return ok && int(stat.Uid) == os.Geteuid()
}
