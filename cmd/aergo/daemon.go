package main

import (
	"context"
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"aergo/net/daemon"
	"aergo/net/rpc"
	"aergo/repo"
)

// daemonFile, in the home, is the daemon's configuration unless another one is named.
const daemonFile = "daemon.toml"

// daemonJSON is what a daemon says when it is ready.
type daemonJSON struct {
	Peer         string   `json:"peer"`
	Addresses    []string `json:"addresses"`
	Root         string   `json:"root"`
	Repositories []string `json:"repositories"`
	Status       string   `json:"status,omitempty"`  // URL of /healthz, /readyz and /metrics
	Gateway      string   `json:"gateway,omitempty"` // URL of the HTTP gateway
}

// settingJSON is a setting of a daemon.
type settingJSON struct {
	Name  string `json:"name"`
	Value any    `json:"value"`
	From  string `json:"from"` // "default", "file", "environment" or "option"
}

func newDaemon(a *app) *cobra.Command {
	var config string
	var show bool
	typed := map[string][]string{}
	c := &cobra.Command{
		Use:   "daemon",
		Short: "Serve repositories to others",
		Long: `Serve the repositories in the folders below a root, to others and over the network, until
it is asked to stop. Others clone, fetch, pull and push with the addresses that it prints:
aergo://PEER@HOST:PORT, and behind them a slash and the name of a repository, which is the
path of its folder below the root. Repositories that are made or removed meanwhile are
noticed. What it pushes into a repository is signed with the key of the repository's owner,
which has to be among your keys.

Unless told otherwise it listens to this machine only. Peers are known by their keys: a clone
or push comes with the key of the identity that makes it. The owner of a repository may do
everything with it, others what its Directory says; who may not read it does not learn that it
is there. Commands of yours on this machine go through the daemon while it runs.

Options go before variables of the environment, AERGO_DAEMON_LISTEN and so on, these before
the configuration, a TOML file with listen = ["..."] and so on, and that before defaults. The
file is the one behind --config, else AERGO_DAEMON_CONFIG, else daemon.toml in AERGO_HOME.
Without a root it is the folder that you are in.`,
		Example: "  aergo daemon --root /srv/ledgers\n  aergo daemon --listen 0.0.0.0:7846 --public --readable 'open/*'\n  aergo daemon --show-config",
		Args:    wants(0, 0),
		RunE: func(c *cobra.Command, _ []string) error {
			settings, all, err := a.daemonSettings(config, typed)
			if err != nil {
				return err
			}
			if show {
				return a.showSettings(all)
			}
			return a.serve(c.Context(), settings)
		},
	}
	for _, s := range daemon.List() {
		f := c.Flags().VarPF(&typedValue{setting: s, all: typed}, s.Option(), "", s.Help)
		if s.IsSwitch() {
			f.NoOptDefVal = "true"
		}
	}
	c.AddCommand(newDaemonToken(a))
	c.Flags().StringVar(&config, "config", "", "read the settings in `FILE`")
	c.Flags().BoolVar(&show, "show-config", false, "print the settings, and where each comes from, and end")
	return c
}

// typedValue gathers what was typed for a setting of the daemon. It is a pflag.Value.
type typedValue struct {
	setting daemon.Setting
	all     map[string][]string // by option
}

// Set implements pflag.Value.
func (v *typedValue) Set(s string) error {
	v.all[v.setting.Option()] = append(v.all[v.setting.Option()], s)
	return nil
}

// String implements pflag.Value: defaults are shown by --show-config.
func (v *typedValue) String() string { return "" }

// Type implements pflag.Value.
func (v *typedValue) Type() string {
	if v.setting.IsSwitch() {
		return "bool"
	}
	return "string"
}

// daemonSettings returns the settings that hold.
func (a *app) daemonSettings(config string, typed map[string][]string) (daemon.Settings, []daemon.Setting, error) {
	var none daemon.Settings
	stated := true
	if config == "" {
		config = a.env.Getenv("AERGO_DAEMON_CONFIG")
	}
	if config == "" {
		home, err := a.home()
		if err != nil {
			return none, nil, err
		}
		config, stated = filepath.Join(home, daemonFile), false
	}
	path, err := a.path(config)
	if err != nil {
		return none, nil, err
	}
	text, err := os.ReadFile(path)
	if err != nil && (stated || !errors.Is(err, fs.ErrNotExist)) {
		return none, nil, err
	}
	settings, all, err := daemon.Load(daemon.Sources{File: string(text), FileName: path, Environment: a.env.Getenv, Options: typed})
	if err != nil {
		return none, nil, err
	}
	for _, p := range []*string{&settings.Root, &settings.ReadyFile} {
		if p == &settings.ReadyFile && *p == "" {
			continue
		}
		if *p, err = a.path(nonEmpty(*p, ".")); err != nil {
			return none, nil, err
		}
	}
	return settings, all, nil
}

func (a *app) showSettings(all []daemon.Setting) error {
	for _, s := range all {
		var err error
		if a.ui.JSON {
			err = a.ui.PrintJSON(settingJSON{Name: s.Name, Value: s.Value(), From: s.From})
		} else {
			err = a.ui.Printf("%s = %s # %s\n", s.Name, s, s.From)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// serve runs a daemon until ctx ends, which is no failure.
func (a *app) serve(ctx context.Context, settings daemon.Settings) error {
	d, err := daemon.Start(ctx, daemon.Options{
		Settings: settings, Repository: a.servedOptions, Caller: a.env.options, Program: "aergo " + version(), Log: a.ui.Err,
	})
	if err != nil {
		return err
	}
	err = a.announce(d, settings)
	if err == nil {
		<-ctx.Done()
	}
	if settings.ReadyFile != "" {
		_ = os.Remove(settings.ReadyFile)
	}
	return errors.Join(err, d.Stop(context.WithoutCancel(ctx)))
}

// servedOptions returns what the door needs to know about a repository that is served.
func (a *app) servedOptions(folder string) (repo.Options, error) {
	caller, err := a.caller()
	if err != nil {
		return repo.Options{}, err
	}
	return a.env.options(caller, folder, rpc.Notes{}), nil
}

// announce says where a daemon is.
func (a *app) announce(d *daemon.Daemon, settings daemon.Settings) error {
	names, err := d.Repositories().Names()
	if err != nil {
		return err
	}
	out := daemonJSON{
		Peer: string(d.ID()), Addresses: []string{}, Root: settings.Root, Repositories: append([]string{}, names...), Status: d.StatusURL(), Gateway: d.GatewayURL(),
	}
	for _, at := range d.Addresses() {
		out.Addresses = append(out.Addresses, at.String())
	}
	if settings.ReadyFile != "" {
		if err := writeReady(settings.ReadyFile, out); err != nil {
			return err
		}
	}
	if a.ui.JSON {
		err = a.ui.PrintJSON(out)
	} else {
		for _, at := range out.Addresses {
			err = errors.Join(err, a.ui.Printf("%s\n", at))
		}
		if out.Status != "" {
			a.ui.Note("health, readiness and metrics at %s", out.Status)
		}
		if out.Gateway != "" {
			a.ui.Note("repositories as pages and as JSON at %s", out.Gateway)
		}
	}
	return errors.Join(err, a.ui.Flush())
}

// writeReady writes the file that tells whoever waits for it that a daemon is ready. It
// appears as a whole.
func writeReady(path string, out daemonJSON) error {
	text, err := json.Marshal(out)
	if err != nil {
		return err
	}
	temp := path + ".new"
	if err := os.WriteFile(temp, append(text, '\n'), 0o644); err != nil {
		return err
	}
	return os.Rename(temp, path)
}
