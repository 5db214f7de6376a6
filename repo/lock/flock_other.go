//go:build !unix || solaris || aix

package lock

import (
	"errors"
	"os"
)

func tryLock(*os.File) (bool, error) { return false, errors.ErrUnsupported }

func waitLock(*os.File) error { return errors.ErrUnsupported }
