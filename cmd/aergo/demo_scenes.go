package main

import "aergo/net/problem"

// demoScenes is the story. It happened: the rows, the days, where git's merge stopped, and
// what the people made of it. Authors are numbered, as in the data; the keeper stands for
// the maintainers.
func demoScenes() []demoScene {
	in := func(identity, folder string) func(args ...string) demoCommand {
		return func(args ...string) demoCommand { return demoCommand{identity: identity, folder: folder, args: args} }
	}
	keeper, a012, a004 := in("keeper", "codecs"), in("a012", "zeronet"), in("a004", "formats")
	same := keeper("import", "../after.csv", "--table", "codecs", "--delete-missing", "--if-changed")
	same.exit = int(problem.ExitNo)
	return []demoScene{
		{`A table of codes that 105 people keep by pull requests, as it was on 9 June 2019 but for
   one name for a code that has two. A row is found by its code. Every row is a transaction,
   and all are signed at once.`, []demoCommand{
			in("keeper", ".")("init", "codecs"),
			keeper("import", "../before.csv", "--table", "codecs", "--key", "code"),
			keeper("commit", "-m", "The table on 9 June 2019"),
		}},
		{`Two contributors fork it. Each has a repository and a key of their own.`, []demoCommand{
			in("a012", ".")("clone", "codecs", "zeronet"),
			in("a004", ".")("clone", "codecs", "formats"),
		}},
		{`In July one adds a code, and corrects it three days later.`, []demoCommand{
			a012("put", "codecs", "0x1000", "name=zeronet", "tag=multiaddr", "description=ZeroNet site address (old-style Bitcoin address)"),
			a012("commit", "-m", "Add ZeroNet site address"),
			a012("put", "codecs", "0x1000", "tag=namespace", "description=ZeroNet site address"),
			a012("commit", "-m", "Update ZeroNet to namespace type and reorder it"),
		}},
		{`The other prepares two pull requests, each on a branch. Both take the code 0x0200.`, []demoCommand{
			a004("checkout", "-b", "json"),
			a004("put", "codecs", "0x0200", "name=json", "tag=serialization", "description=JSON (UTF-8-encoded)"),
			a004("commit", "-m", "Add JSON"),
			a004("checkout", "master"),
			a004("checkout", "-b", "messagepack"),
			a004("put", "codecs", "0x0200", "name=messagepack", "tag=serialization", "description=MessagePack"),
			a004("commit", "-m", "Add MessagePack serialization format."),
		}},
		{`They send in zeronet and json. git stopped here with a conflict: both are new lines in
   the same place of the file. But they are different rows, so both apply.`, []demoCommand{
			a012("push", "origin:master"),
			a004("checkout", "json"),
			a004("push", "origin:master"),
		}},
		{`Then messagepack. git stopped again, with the same words; this time somebody has to
   decide, for the code is taken. The transaction is excluded, and the block says why.`, []demoCommand{
			a004("checkout", "messagepack"),
			a004("push", "origin:master"),
			keeper("excluded"),
			keeper("get", "codecs", "0x0200"),
		}},
		{`The contributor does what was done in 2019: MessagePack moves to 0x0201.`, []demoCommand{
			a004("checkout", "master"),
			a004("pull", "origin:master"),
			a004("put", "codecs", "0x0201", "name=messagepack", "tag=serialization", "description=MessagePack"),
			a004("commit", "-m", "MessagePack is 0x0201"),
			a004("push", "origin:master"),
		}},
		{`Row by row, that is the table that the people had on 28 July 2019: importing it changes
   nothing. And the ledger knows whose every field is.`, []demoCommand{
			same,
			keeper("blame", "codecs", "0x1000"),
			keeper("log", "--graph"),
		}},
		{`Nobody has to be trusted with any of this. Anyone can fetch it, run every transaction
   again, and check every signature, verdict and root.`, []demoCommand{
			a012("pull", "origin:master"),
			a012("verify", "--all"),
		}},
	}
}
