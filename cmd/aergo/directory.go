package main

import (
	"context"
	"encoding/hex"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"aergo/cmd/aergo/ui"
	"aergo/consensus/directory"
	"aergo/repo"
	"aergo/repo/key"
	"aergo/repo/object"
	"aergo/repo/shape"
)

// directoryChangedJSON is what a change of the Directory made.
type directoryChangedJSON struct {
	Block  object.Hash `json:"block"`
	Height uint64      `json:"height"`
	Batch  object.Hash `json:"batch"`
}

func newDirectory(a *app) *cobra.Command {
	c := &cobra.Command{
		Use:   "directory",
		Short: "Say who may do what here",
		Long: `Say who may do what here: the repository's Directory knows identities by their keys, and what
they are permitted on which branches:

  read      see the repository
  propose   push to branches of one's own: NAME, and those that begin with NAME+
  write     merge into branches
  admin     change the Directory

Each permits what stands before it, too. A repository without grants is its owner's alone.`,
		Example: "  aergo directory key\n  aergo directory add ben --key 4f0c...\n  aergo directory grant ben write 'release-*'\n" +
			"  aergo directory grant anyone read\n  aergo directory revoke ben",
		Args: wants(0, 0),
		RunE: func(c *cobra.Command, _ []string) error { return a.showDirectory(c.Context()) },
	}
	c.AddCommand(
		&cobra.Command{
			Use: "show", Short: "Show identities and grants", Args: wants(0, 0),
			RunE: func(c *cobra.Command, _ []string) error { return a.showDirectory(c.Context()) },
		},
		&cobra.Command{
			Use: "export", Short: "Write the whole Directory as JSON", Args: wants(0, 0),
			RunE: func(c *cobra.Command, _ []string) error { return a.exportDirectory(c.Context()) },
		},
		&cobra.Command{
			Use: "key [NAME]", Short: "Print the public key of an identity of yours, to be added elsewhere", Args: wants(0, 1),
			RunE: func(c *cobra.Command, args []string) error { return a.printKey(c.Context(), args) },
		},
		newDirectoryAdd(a), newDirectoryGrant(a), newDirectoryRevoke(a), newDirectoryRotate(a),
	)
	return c
}

func newDirectoryAdd(a *app) *cobra.Command {
	var i directory.Identity
	var publicKey, may, message string
	var server bool
	var since, until string
	c := &cobra.Command{
		Use: "add NAME", Short: "Add an identity, or change its roles, addresses and validity",
		Example: "  aergo directory add ben --key 4f0c... --grant write\n  aergo directory add ci --key 90ab... --role jobs --until 2027-01-01",
		Args:    wants(1, 1),
		RunE: func(c *cobra.Command, args []string) error {
			i.Name, i.Kind = args[0], directory.Client
			if server {
				i.Kind = directory.Server
			}
			var err error
			if i.Key, err = a.publicKey(publicKey); err != nil {
				return err
			}
			if i.Since, err = parseMoment(since); err != nil {
				return err
			}
			if i.Until, err = parseMoment(until); err != nil {
				return err
			}
			changes := []directory.Change{{Add: &i}}
			if may != "" {
				g, err := parseGrant(i.Name, may, "*")
				if err != nil {
					return err
				}
				changes = append(changes, directory.Change{Grant: &g})
			}
			return a.changeDirectory(c.Context(), repo.DirectoryChange{Changes: changes, Message: message}, "Added "+i.Name)
		},
	}
	f := c.Flags()
	f.StringVar(&publicKey, "key", "", "public `KEY`, as aergo directory key prints it; may be left out for who is known")
	f.BoolVar(&server, "server", false, "a server, not a client")
	f.StringSliceVar(&i.Roles, "role", nil, "`ROLE` to have; may be repeated")
	f.StringSliceVar(&i.Addresses, "address", nil, "`ADDRESS` of a server; may be repeated")
	f.StringVar(&since, "since", "", "valid from `DATE` on")
	f.StringVar(&until, "until", "", "valid until `DATE`")
	f.StringVar(&may, "grant", "", "`PERMISSION` on all branches: read, propose, write or admin")
	f.StringVarP(&message, "message", "m", "", "`MESSAGE` of the change")
	return c
}

func newDirectoryGrant(a *app) *cobra.Command {
	var message string
	c := &cobra.Command{
		Use: "grant WHO PERMISSION [BRANCHES]", Short: "Permit something on branches; none takes it back",
		Long: `Permit something on branches. WHO is the name of an identity, role: and a role, or anyone;
PERMISSION is read, propose, write, admin, or none to take back what was granted on the same
branches; BRANCHES is a pattern with * and ?, and all branches if it is left out.`,
		Example: "  aergo directory grant role:jobs write\n  aergo directory grant ben write 'release-*'\n  aergo directory grant anyone none",
		Args:    wants(2, 3),
		RunE: func(c *cobra.Command, args []string) error {
			pattern := "*"
			if len(args) == 3 {
				pattern = args[2]
			}
			g, err := parseGrant(args[0], args[1], pattern)
			if err != nil {
				return err
			}
			done := g.Subject + " may " + g.May.String() + " on " + g.Pattern
			if g.May == directory.None {
				done = "Nothing is granted to " + g.Subject + " on " + g.Pattern + " any more"
			}
			return a.changeDirectory(c.Context(), repo.DirectoryChange{Changes: []directory.Change{{Grant: &g}}, Message: message}, done)
		},
	}
	c.Flags().StringVarP(&message, "message", "m", "", "`MESSAGE` of the change")
	return c
}

func newDirectoryRevoke(a *app) *cobra.Command {
	var message string
	c := &cobra.Command{
		Use: "revoke NAME", Short: "Revoke an identity's key: it enters no new block",
		Long: `Revoke an identity's key. Nothing that it signed enters a new block, whoever merges it: such
transactions are left out, and the account says why. What blocks hold already stays.`,
		Args: wants(1, 1),
		RunE: func(c *cobra.Command, args []string) error {
			return a.changeDirectory(c.Context(), repo.DirectoryChange{Changes: []directory.Change{{Revoke: args[0]}}, Message: message}, "Revoked the key of "+args[0])
		},
	}
	c.Flags().StringVarP(&message, "message", "m", "", "`MESSAGE` of the change")
	return c
}

func newDirectoryRotate(a *app) *cobra.Command {
	var publicKey, to, message string
	grace := 7 * 24 * time.Hour
	c := &cobra.Command{
		Use: "rotate NAME", Short: "Give an identity another key",
		Long: `Give an identity another key. What was signed with the old one, on top of blocks from before,
still counts for a time. With --to the new key is that of an identity of yours, which is made if
it is not there; if NAME is the owner, that identity seals blocks here from then on.`,
		Example: "  aergo directory rotate ben --key 77d1...\n  aergo directory rotate ada --to ada-2027",
		Args:    wants(1, 1),
		RunE: func(c *cobra.Command, args []string) error {
			return a.rotate(c.Context(), args[0], publicKey, to, grace, message)
		},
	}
	f := c.Flags()
	f.StringVar(&publicKey, "key", "", "new public `KEY`")
	f.StringVar(&to, "to", "", "`IDENTITY` of yours whose key it is")
	f.DurationVar(&grace, "grace", grace, "how long the old key counts for older work")
	f.StringVarP(&message, "message", "m", "", "`MESSAGE` of the change")
	c.MarkFlagsMutuallyExclusive("key", "to")
	c.MarkFlagsOneRequired("key", "to")
	return c
}

func (a *app) showDirectory(ctx context.Context) error {
	return a.withRepository(ctx, func(r repo.Door) error {
		d, err := r.Directory(ctx)
		if err != nil {
			return err
		}
		if a.ui.JSON {
			return a.ui.PrintJSON(shape.OfDirectory(d))
		}
		return a.printDirectory(d)
	})
}

func (a *app) printDirectory(d repo.DirectoryInfo) error {
	if err := a.ui.Printf("Directory at block %s, height %s, of lineage %s\n\n", d.Block.Short(), number(d.Height), d.Lineage.Short()); err != nil {
		return err
	}
	t := a.ui.Table(ui.Column{}, ui.Column{}, ui.Column{})
	owned := false
	for _, i := range d.Identities {
		owned = owned || i.Key == d.Owner.Key
	}
	if !owned {
		t.Row(ui.Clean(d.Owner.Name), hex.EncodeToString(d.Owner.Key[:4]), "owner")
	}
	for _, i := range d.Identities {
		t.Row(ui.Clean(i.Name), keyWord(i), ui.Clean(strings.Join(traits(i, d.Owner), ", ")))
	}
	if err := t.Close(); err != nil {
		return err
	}
	if len(d.Grants) == 0 {
		a.ui.Note("nothing is granted: the repository is its owner's alone")
		return nil
	}
	if err := a.ui.Printf("\n"); err != nil {
		return err
	}
	t = a.ui.Table(ui.Column{}, ui.Column{}, ui.Column{})
	for _, g := range d.Grants {
		t.Row(ui.Clean(g.Subject), "may "+g.May.String(), "on "+ui.Clean(g.Pattern))
	}
	return t.Close()
}

func keyWord(i directory.Identity) string {
	if i.Key == (directory.Key{}) {
		return "revoked"
	}
	return hex.EncodeToString(i.Key[:4])
}

// traits are the words about an identity.
func traits(i directory.Identity, owner object.Identity) []string {
	var out []string
	if i.Key == owner.Key {
		out = append(out, "owner")
	}
	if i.Kind == directory.Server {
		out = append(out, "server")
	}
	for _, r := range i.Roles {
		out = append(out, directory.RolePrefix+r)
	}
	out = append(out, i.Addresses...)
	if i.Since != 0 {
		out = append(out, "from "+time.UnixMilli(int64(i.Since)).UTC().Format(time.DateTime))
	}
	if i.Until != 0 {
		out = append(out, "until "+time.UnixMilli(int64(i.Until)).UTC().Format(time.DateTime))
	}
	return out
}

func (a *app) exportDirectory(ctx context.Context) error {
	return a.withRepository(ctx, func(r repo.Door) error {
		d, err := r.Directory(ctx)
		if err != nil {
			return err
		}
		return a.ui.PrintJSON(shape.OfDirectory(d))
	})
}

// changeDirectory makes a change and says what happened.
func (a *app) changeDirectory(ctx context.Context, req repo.DirectoryChange, done string) error {
	return a.withRepository(ctx, func(r repo.Door) error {
		out, err := r.ChangeDirectory(ctx, req)
		if err != nil {
			return err
		}
		if a.ui.JSON {
			return a.ui.PrintJSON(directoryChangedJSON{out.Block, out.Height, out.Batch})
		}
		return a.ui.Printf("%s, from Directory block %s at height %s on\n", ui.Clean(done), out.Block.Short(), number(out.Height))
	})
}

func (a *app) rotate(ctx context.Context, name, publicKey, to string, grace time.Duration, message string) error {
	r := directory.Rotation{Name: name}
	var err error
	if to != "" {
		r.Key, err = a.ownKey(ctx, to)
	} else {
		r.Key, err = a.publicKey(publicKey)
	}
	if err != nil {
		return err
	}
	now := time.Now
	if a.env.Clock != nil {
		now = a.env.Clock
	}
	r.Until = uint64(max(now().Add(grace).UnixMilli(), 0))
	return a.withRepository(ctx, func(door repo.Door) error {
		d, err := door.Directory(ctx)
		if err != nil {
			return err
		}
		req := repo.DirectoryChange{Changes: []directory.Change{{Rotate: &r}}, Message: message}
		if name == d.Owner.Name {
			if to == "" {
				return usagef("aergo directory rotate "+name+" --to IDENTITY", "the owner seals blocks here: the new key has to be one of yours")
			}
			req.Owner = to
		}
		out, err := door.ChangeDirectory(ctx, req)
		if err != nil {
			return err
		}
		if a.ui.JSON {
			return a.ui.PrintJSON(directoryChangedJSON{out.Block, out.Height, out.Batch})
		}
		return a.ui.Printf("%s has the key %s, from Directory block %s at height %s on\n", ui.Clean(name), hex.EncodeToString(r.Key[:4]), out.Block.Short(), number(out.Height))
	})
}

// printKey prints the public key of an identity, which is made if it is the usual one and is
// not there yet.
func (a *app) printKey(ctx context.Context, args []string) error {
	name := ""
	if len(args) == 1 {
		name = args[0]
	}
	k, err := a.ownKey(ctx, name)
	if err != nil {
		return err
	}
	if a.ui.JSON {
		if name == "" {
			home, err := a.home()
			if err != nil {
				return err
			}
			if name, err = a.identity(home); err != nil {
				return err
			}
		}
		return a.ui.PrintJSON(shape.Person{Name: name, Key: hex.EncodeToString(k[:])})
	}
	return a.ui.Printf("%x\n", k)
}

// ownKey returns the public key of an identity in the keyring; empty is the usual one. It is
// made if it is not there.
func (a *app) ownKey(ctx context.Context, name string) (directory.Key, error) {
	opts, done, err := a.options("")
	if err != nil {
		return directory.Key{}, err
	}
	defer done()
	if name != "" {
		opts.Identity = name
	}
	if err := a.ensureIdentity(ctx, opts); err != nil {
		return directory.Key{}, err
	}
	private, err := opts.Keys.Load(ctx, opts.Identity)
	if err != nil {
		return directory.Key{}, err
	}
	return private.Public(), nil
}

// publicKey reads a key as it was typed; nothing is the zero key.
func (a *app) publicKey(typed string) (directory.Key, error) {
	if typed == "" {
		return directory.Key{}, nil
	}
	k, err := key.ParsePublic(typed)
	if err != nil {
		return directory.Key{}, usagef("aergo directory key prints the key of whoever runs it", "%v", err)
	}
	return k, nil
}

func parseGrant(who, may, pattern string) (directory.Grant, error) {
	p, ok := directory.ParsePermission(may)
	if !ok && may != directory.None.String() {
		return directory.Grant{}, usagef("use read, propose, write, admin or none", "%q is no permission", may)
	}
	return directory.Grant{Subject: who, Pattern: pattern, May: p}, nil
}

// parseMoment reads a date, which stands for its beginning, or a time.
func parseMoment(typed string) (uint64, error) {
	if typed == "" {
		return 0, nil
	}
	for _, layout := range []string{time.RFC3339, time.DateTime, time.DateOnly} {
		if t, err := time.Parse(layout, typed); err == nil && t.UnixMilli() > 0 {
			return uint64(t.UnixMilli()), nil
		}
	}
	return 0, usagef("write it as 2027-01-31, or 2027-01-31T12:00:00Z", "%q is no date", typed)
}
