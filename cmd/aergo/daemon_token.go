package main

import (
	"context"

	"github.com/spf13/cobra"

	"aergo/net/daemon"
	"aergo/repo/object"
)

// tokenJSON is a token that was made, or how many were revoked.
type tokenJSON struct {
	Name    string `json:"name"`
	Token   string `json:"token,omitempty"`
	Revoked int    `json:"revoked,omitempty"`
}

func newDaemonToken(a *app) *cobra.Command {
	var config, root, publicKey string
	var revoke bool
	c := &cobra.Command{
		Use:   "token NAME",
		Short: "Make a token for the HTTP gateway",
		Long: `Make a token by which a client of the daemon's HTTP gateway is the identity NAME, and may see
what that one may. The key is that of the identity of this name among yours unless another one is
given. The token is printed once; the daemon keeps its hash. --revoke ends all tokens of NAME.`,
		Example: "  aergo daemon token ben --key 4f0c... --root /srv/ledgers\n  aergo daemon token ben --revoke",
		Args:    wants(1, 1),
		RunE: func(c *cobra.Command, args []string) error {
			options := map[string][]string{}
			if root != "" {
				options["root"] = []string{root}
			}
			settings, _, err := a.daemonSettings(config, options)
			if err != nil {
				return err
			}
			tokens := daemon.TokensOf(settings.Root)
			if revoke {
				return a.revokeTokens(tokens, args[0])
			}
			return a.addToken(c.Context(), tokens, args[0], publicKey)
		},
	}
	c.Flags().StringVar(&publicKey, "key", "", "public `KEY` of the identity, as aergo directory key prints it")
	c.Flags().StringVar(&root, "root", "", "the daemon's root is `DIR`")
	c.Flags().StringVar(&config, "config", "", "read the daemon's settings in `FILE`")
	c.Flags().BoolVar(&revoke, "revoke", false, "end all tokens of this identity")
	return c
}

func (a *app) addToken(ctx context.Context, tokens daemon.Tokens, name, publicKey string) error {
	identity := object.Identity{Name: name}
	var err error
	if publicKey != "" {
		identity.Key, err = a.publicKey(publicKey)
	} else {
		identity.Key, err = a.ownKey(ctx, name)
	}
	if err != nil {
		return err
	}
	token, err := tokens.Add(identity)
	if err != nil {
		return err
	}
	if a.ui.JSON {
		return a.ui.PrintJSON(tokenJSON{Name: name, Token: token})
	}
	a.ui.Note("this is shown once: requests bear it as Authorization: Bearer TOKEN")
	return a.ui.Printf("%s\n", token)
}

func (a *app) revokeTokens(tokens daemon.Tokens, name string) error {
	gone, err := tokens.Revoke(name)
	if err != nil {
		return err
	}
	if a.ui.JSON {
		return a.ui.PrintJSON(tokenJSON{Name: name, Revoked: gone})
	}
	return a.ui.Printf("Revoked %s of %s\n", count(uint64(gone), "token", ""), name)
}
