package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"aergo/net/peer"
	"aergo/net/rpc"
	"aergo/net/transfer"
	"aergo/repo"
	"aergo/repo/key"
)

// knownPeersFile, in the home, has the keys of the hosts that were met.
const knownPeersFile = "known_peers"

// connector connects one repository with others that daemons serve.
type connector struct {
	caller     rpc.Caller
	repository string // folder
	keys       *key.Keyring
	tell       rpc.Notes
}

// dial opens a repository that a daemon serves. The program's network is started here, so
// that commands that stay on this machine do without.
func (c *connector) dial(ctx context.Context, typed string) (repo.Remote, error) {
	to, err := peer.ParseAddress(typed)
	if err != nil {
		return nil, err
	}
	if to.Repository == "" {
		return nil, usagef("name it behind the address: "+to.String()+"/REPOSITORY", "%s: no repository is named", typed)
	}
	host, err := c.host(ctx)
	if err != nil {
		return nil, err
	}
	client, err := c.open(ctx, host, to)
	if err != nil {
		_ = os.Remove(c.spool())
		return nil, errors.Join(err, host.Close())
	}
	return &distant{Client: client, host: host, tell: c.tell, spool: c.spool()}, nil
}

// host returns this machine as others meet it: with the key of the identity that signs, so
// that they know whose rights apply, or with one that was made up, if there is none.
func (c *connector) host(ctx context.Context) (*peer.Host, error) {
	var identity peer.Identity
	private, err := c.keys.Load(ctx, c.caller.Identity)
	switch {
	case errors.Is(err, key.ErrNoKey):
		identity, err = peer.NewIdentity(nil)
	case err == nil:
		identity, err = peer.IdentityOf(private)
	}
	if err != nil {
		return nil, err
	}
	if err := os.MkdirAll(c.caller.Home, 0o700); err != nil {
		return nil, err
	}
	return peer.New(peer.Options{Identity: identity, Known: peer.OpenKnown(openFolder(c.caller.Home), knownPeersFile), Trust: c.trust})
}

// trust tells the user about a host that is met for the first time.
func (c *connector) trust(hostPort string, id peer.ID) error {
	if c.tell.Note != nil {
		c.tell.Note(fmt.Sprintf("%s is new here: its key is %s, and no other one will do from now on", hostPort, id))
	}
	return nil
}

func (c *connector) open(ctx context.Context, host *peer.Host, to peer.Address) (*transfer.Client, error) {
	if err := os.MkdirAll(c.spool(), 0o777); err != nil {
		return nil, err
	}
	return transfer.Open(ctx, func(ctx context.Context) (transfer.Stream, error) {
		s, _, err := host.Open(ctx, to, transfer.Protocol)
		return s, c.locate(err)
	}, to.Repository, transfer.ClientOptions{
		Spool:    openFolder(c.spool()),
		Progress: func(objects, _ uint64) { c.report("receiving", objects) },
		Sent:     func(objects uint64) { c.report("sending", objects) },
	})
}

func (c *connector) report(phase string, objects uint64) {
	if c.tell.Progress != nil {
		c.tell.Progress(repo.Progress{Phase: phase, Done: objects})
	}
}

func (c *connector) spool() string { return filepath.Join(c.repository, repo.SpoolFolder) }

// locate makes an error name the file of known peers by its path.
func (c *connector) locate(err error) error {
	var changed *peer.ChangedKeyError
	if errors.As(err, &changed) && changed.File != "" {
		changed.File = filepath.Join(c.caller.Home, changed.File)
	}
	return err
}

// distant is a repository that a daemon serves.
type distant struct {
	*transfer.Client
	host  *peer.Host
	tell  rpc.Notes
	spool string
}

// Close implements repo.Remote.
func (d *distant) Close() error {
	sent := d.Traffic()
	err := d.Client.Close()
	_ = os.Remove(d.spool) // which keeps what a transfer that was cut has left
	if d.tell.Detail != nil {
		d.tell.Detail(fmt.Sprintf("%d bytes sent, %d bytes received", sent.Sent, sent.Received))
	}
	return errors.Join(err, d.host.Close())
}
