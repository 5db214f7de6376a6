package main

import (
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"aergo/cmd/aergo/ui"
)

// welcome is what aergo says when it is asked nothing.
const welcome = `aergo is version control for shared ledgers.

  aergo init                               make a repository here
  aergo put accounts ada balance=10        change a row
  aergo commit -m "Open the account"       sign what is pending
  aergo checkout -b feature                go on on a branch of its own
  aergo incr accounts ada balance=5        add to a number there
  aergo commit -m "Pay Ada"
  aergo checkout master
  aergo merge feature                      bring the transactions back
  aergo undo                               take the last command back

Look at:   status  log  show  diff  blame  get  ls  export  why  excluded
Change:    put  incr  del  import  apply  schema  commit  undo
Branch:    branch  tag  checkout  merge  cherry-pick  revert
Share:     clone  remote  fetch  pull  push  submit  daemon  directory
Care:      verify  fsck  gc  dtt

aergo help COMMAND tells more; aergo demo shows it all at work in a minute.
`

// Groups of commands in the help.
const (
	groupLook   = "look"
	groupChange = "change"
	groupBranch = "branch"
	groupShare  = "share"
	groupCare   = "care"
	groupHelp   = "help"
)

func newRoot(a *app) *cobra.Command {
	root := &cobra.Command{
		Use:               "aergo",
		Short:             "Version control for shared ledgers",
		SilenceErrors:     true,
		SilenceUsage:      true,
		Version:           version(),
		Args:              cobra.ArbitraryArgs,
		ValidArgsFunction: cobra.NoFileCompletions,
		PersistentPreRunE: func(c *cobra.Command, _ []string) error {
			a.verb = verbOf(c)
			return checkFlags(c)
		},
		RunE: func(c *cobra.Command, args []string) error {
			if len(args) > 0 {
				return unknownCommand(c, args[0])
			}
			return a.ui.Printf("%s", welcome)
		},
	}
	root.SetVersionTemplate("aergo {{.Version}}\n")
	root.SetFlagErrorFunc(func(c *cobra.Command, err error) error {
		// A word that is no command leaves its options to the root, which knows none of them.
		if word := firstWord(a.args); c == root && word != "" {
			return unknownCommand(root, word)
		}
		return flagError(c, err)
	})
	root.SetUsageFunc(printUsage)
	root.SetHelpFunc(printHelp)
	root.SetHelpCommandGroupID(groupHelp)
	root.SetCompletionCommandGroupID(groupHelp)
	flags := root.PersistentFlags()
	flags.SortFlags = false
	flags.StringVarP(&a.folder, "directory", "C", "", "work as if in `DIR`")
	flags.BoolVar(&a.ui.JSON, "json", a.ui.JSON, "results and errors as JSON, one object per line")
	flags.BoolVarP(&a.ui.Quiet, "quiet", "q", a.ui.Quiet, "no notes and no progress")
	flags.BoolVarP(&a.ui.Verbose, "verbose", "v", a.ui.Verbose, "more detail")
	flags.DurationVar(&a.wait, "wait", -1, "wait at most `DURATION` for other commands (default: until they end)")
	flags.Lookup("wait").DefValue = "0s" // which help leaves out
	for _, g := range []cobra.Group{
		{ID: groupLook, Title: "Look:"}, {ID: groupChange, Title: "Change:"}, {ID: groupBranch, Title: "Branch and merge:"},
		{ID: groupShare, Title: "Share:"}, {ID: groupCare, Title: "Care:"}, {ID: groupHelp, Title: "Help:"},
	} {
		root.AddGroup(&g)
	}
	addCommands(root, a)
	return root
}

func addCommands(root *cobra.Command, a *app) {
	add := func(group string, commands ...*cobra.Command) {
		for _, c := range commands {
			c.GroupID = group
			root.AddCommand(c)
			for _, each := range append(c.Commands(), c) {
				each.DisableFlagsInUseLine = true
			}
		}
	}
	add(groupLook, newStatus(a), newLog(a), newShow(a), newDiff(a), newBlame(a), newGet(a), newLs(a), newExport(a), newExcluded(a), newWhy(a), newOp(a))
	add(groupChange, newInit(a), newPut(a), newIncr(a), newDel(a), newImport(a), newApply(a), newSchema(a), newCommit(a), newUndo(a))
	add(groupBranch, newBranch(a), newTag(a), newCheckout(a), newMerge(a), newCherryPick(a), newRevert(a), newContract(a))
	add(groupShare, newClone(a), newRemote(a), newFetch(a), newPull(a), newPush(a), newSubmit(a), newDaemon(a), newDirectory(a))
	add(groupCare, newVerify(a), newFsck(a), newGC(a), newDTT(a))
	add(groupHelp, newDemo(a), newVersion(a))
}

// verbOf returns the words of a command behind "aergo".
func verbOf(c *cobra.Command) string {
	return strings.TrimPrefix(c.CommandPath(), c.Root().Name()+" ")
}

// unknownCommand is the error for a word that is no command, with the one that was
// probably meant.
func unknownCommand(parent *cobra.Command, word string) error {
	var names []string
	for _, c := range parent.Commands() {
		if c.IsAvailableCommand() {
			names = append(append(names, c.Name()), c.Aliases...)
		}
	}
	hint := parent.CommandPath() + " --help shows the commands"
	if meant, ok := ui.Suggest(word, names); ok {
		hint = "did you mean " + parent.CommandPath() + " " + meant + "?"
	}
	return usagef(hint, "%q is not a command of %s", word, parent.CommandPath())
}

// flagError is the error for options that cannot be read, with the one that was probably
// meant.
// firstWord returns the first argument that is no option, "" if an option comes first.
func firstWord(args []string) string {
	if len(args) == 0 || strings.HasPrefix(args[0], "-") {
		return ""
	}
	return args[0]
}

func flagError(c *cobra.Command, err error) error {
	hint := c.CommandPath() + " --help shows the options"
	if _, word, ok := strings.Cut(err.Error(), "unknown flag: --"); ok {
		if meant, ok := ui.Suggest(word, flagNames(c)); ok {
			hint = "did you mean --" + meant + "?"
		}
	}
	if strings.HasPrefix(err.Error(), "unknown shorthand flag") {
		hint = "put -- before arguments that begin with a dash; " + hint
	}
	return usagef(hint, "%v", err)
}

// exclusiveFlags is how cobra marks options that do not go together.
const exclusiveFlags = "cobra_annotation_mutually_exclusive"

// checkFlags finds before cobra does, for errors of our own, that options are missing or do
// not go together.
func checkFlags(c *cobra.Command) error {
	var missing, clash []string
	c.Flags().VisitAll(func(f *pflag.Flag) {
		if !f.Changed && len(f.Annotations[cobra.BashCompOneRequiredFlag]) > 0 {
			missing = append(missing, "--"+f.Name)
		}
		if f.Changed && len(f.Annotations[exclusiveFlags]) > 0 {
			clash = append(clash, "--"+f.Name)
		}
	})
	hint := "usage: " + c.UseLine()
	if len(missing) > 0 {
		return usagef(hint, "%s: %s is missing", c.CommandPath(), strings.Join(missing, " and "))
	}
	if c.ValidateFlagGroups() != nil {
		return usagef(hint, "%s: %s do not go together", c.CommandPath(), strings.Join(clash, " and "))
	}
	return nil
}

// wants checks the number of arguments; most below 0 is any number.
func wants(least, most int) cobra.PositionalArgs {
	return func(c *cobra.Command, args []string) error {
		hint := "usage: " + c.UseLine()
		switch {
		case len(args) < least:
			return usagef(hint, "%s: too few arguments", c.CommandPath())
		case most >= 0 && len(args) > most:
			return usagef(hint, "%s: too many arguments, beginning with %q", c.CommandPath(), args[most])
		}
		return nil
	}
}

// family is a command that only holds others.
func family(use, short, long string, children ...*cobra.Command) *cobra.Command {
	c := &cobra.Command{Use: use, Short: short, Long: long, Args: cobra.ArbitraryArgs, RunE: func(c *cobra.Command, args []string) error {
		if len(args) > 0 {
			return unknownCommand(c, args[0])
		}
		return c.Help()
	}}
	c.AddCommand(children...)
	return c
}
