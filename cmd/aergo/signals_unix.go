//go:build unix

package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"
)

// interruptible returns a context that ends when the process is asked to. A second
// signal then ends the process at once. Writing beyond a limit on the size of files
// becomes an error like that of a full disk, not the end of the process.
func interruptible(ctx context.Context) (context.Context, func()) {
	signal.Ignore(syscall.SIGXFSZ)
	ctx, stop := signal.NotifyContext(ctx, os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop)
	return ctx, stop
}
