//go:build !unix

package main

import (
	"context"
	"os"
	"os/signal"
)

// interruptible returns a context that ends when the process is asked to. A second
// signal then ends the process at once.
func interruptible(ctx context.Context) (context.Context, func()) {
	ctx, stop := signal.NotifyContext(ctx, os.Interrupt)
	context.AfterFunc(ctx, stop)
	return ctx, stop
}
