package rpc

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"time"
)

// SocketFile is the socket in the folder of a repository that is served: the socket itself,
// or a symbolic link to it where the path is too long for one.
const SocketFile = "daemon.sock"

// maxSocketPathBytes is what every operating system takes as the path of a socket.
const maxSocketPathBytes = 96

// ErrServed says that another process serves the repository already.
var ErrServed = errors.New("rpc: another process serves the repository")

// ErrNoServer says that no process serves the repository that would answer this user.
var ErrNoServer = errors.New("rpc: nobody serves the repository")

// Listen makes the socket of a repository, whose folder is at an absolute path, so that only
// this user can connect. A socket that nobody listens on is replaced; if somebody does, the
// error wraps ErrServed. Closing the listener removes the socket.
func Listen(repository string) (net.Listener, error) {
	path := filepath.Join(repository, SocketFile)
	if conn, err := connect(context.Background(), path); err == nil {
		return nil, errors.Join(fmt.Errorf("%s: %w", repository, ErrServed), conn.Close())
	}
	if err := removeSocket(path); err != nil {
		return nil, err
	}
	if len(path) <= maxSocketPathBytes {
		l, err := listenAt(path)
		if err != nil {
			return nil, err
		}
		return newListener(l, path, "")
	}
	folder, err := os.MkdirTemp("", "aergo-*") // which is 0700
	if err != nil {
		return nil, err
	}
	at := filepath.Join(folder, "rpc")
	l, err := listenAt(at)
	if err == nil {
		if err = os.Symlink(at, path); err != nil {
			err = errors.Join(err, l.Close())
		}
	}
	if err != nil {
		return nil, errors.Join(err, os.RemoveAll(folder))
	}
	return newListener(l, path, folder)
}

// removeSocket removes what a server that was killed has left.
func removeSocket(path string) error {
	info, err := os.Lstat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	if info.Mode()&(fs.ModeSocket|fs.ModeSymlink) == 0 {
		return fmt.Errorf("%s: %w and is no socket", path, fs.ErrExist)
	}
	return os.Remove(path)
}

// listenAt listens on a socket that appears at a path once nobody else may use it.
func listenAt(path string) (net.Listener, error) {
	temp := path + ".new"
	if err := removeSocket(temp); err != nil {
		return nil, err
	}
	l, err := net.ListenUnix("unix", &net.UnixAddr{Name: temp, Net: "unix"})
	if err != nil {
		return nil, err
	}
	l.SetUnlinkOnClose(false)
	err = os.Chmod(temp, 0o600)
	if err == nil {
		err = os.Rename(temp, path)
	}
	if err != nil {
		return nil, errors.Join(err, l.Close(), os.Remove(temp))
	}
	return l, nil
}

// listener removes what it has made when it is closed.
type listener struct {
	net.Listener
	path   string
	made   fs.FileInfo // at that path
	folder string      // of the socket, if that is elsewhere
}

func newListener(l net.Listener, path, folder string) (net.Listener, error) {
	made, err := os.Lstat(path)
	if err != nil {
		return nil, errors.Join(err, l.Close())
	}
	return &listener{Listener: l, path: path, made: made, folder: folder}, nil
}

// Listens says whether a socket that Listen has made is still where callers look for it. It
// goes, for one, with the repository.
func Listens(l net.Listener) bool {
	ours, ok := l.(*listener)
	if !ok {
		return false
	}
	now, err := os.Lstat(ours.path)
	return err == nil && os.SameFile(now, ours.made)
}

// Close implements net.Listener.
func (l *listener) Close() error {
	// First the name: nobody is to find a socket that does not listen.
	var err error
	if Listens(l) {
		err = os.Remove(l.path)
	}
	if l.folder != "" {
		err = errors.Join(err, os.RemoveAll(l.folder))
	}
	return errors.Join(err, l.Listener.Close())
}

// connectTimeout bounds how long a server may take to say that it is there. One that is
// stopped, or stuck, is none.
const connectTimeout = 5 * time.Second

// connect connects to the socket at a path, or where the link there leads. Sockets of other
// users are left alone.
func connect(ctx context.Context, path string) (net.Conn, error) {
	info, err := os.Lstat(path)
	if err != nil {
		return nil, err
	}
	if info.Mode()&fs.ModeSymlink != 0 {
		if path, err = os.Readlink(path); err != nil {
			return nil, err
		}
		if info, err = os.Lstat(path); err != nil {
			return nil, err
		}
	}
	if info.Mode()&fs.ModeSocket == 0 || !isOurs(info) {
		return nil, ErrNoServer
	}
	var d net.Dialer
	ctx, cancel := context.WithTimeout(ctx, connectTimeout)
	defer cancel()
	return d.DialContext(ctx, "unix", path)
}
