package hostile

import (
	"errors"
	"testing"

	"aergo/branch"
	"aergo/net/problem"
	"aergo/net/transfer"
	"aergo/repo"
	"aergo/repo/object"
	"aergo/repo/ref"
)

// forgery is something that breaks one rule, and the words with which it is refused: the code
// of a refusal of a push, and the rule.
type forgery struct {
	name  string
	code  transfer.Code
	fault branch.Fault
	make  func(f *forger, h *history) object.Hash // the head that is offered or pushed
}

// tampered is one that offers tags, too.
type tampered struct {
	forgery
	tags func(f *forger, h *history) []ref.Tag
}

// victims are an honest repository and an honest clone of it.
type victims struct {
	*world
	up, bobs *repo.Repo
	f        *forger
	h        *history
}

func newVictims(t *testing.T) *victims {
	t.Helper()
	return newVictimsIn(t, false)
}

func newVictimsIn(t *testing.T, onDisk bool) *victims {
	t.Helper()
	v := &victims{world: newWorld(t)}
	v.onDisk = onDisk
	v.up = v.init("up", "ada")
	apply(t, v.up, line("a", 1), line("b", 1), line("c", 1), line("d", 1))
	apply(t, v.up, line("e", 1))
	v.bobs = v.clone("up", "bobs", "bob")
	v.f = newForger(v.world, "up")
	v.h = v.f.history()
	return v
}

// fetch has bob fetch what the forger offers by the name of the honest repository.
func (v *victims) fetch(head object.Hash, tags []ref.Tag) error {
	v.lies["up"] = offer{repo.AsRemote(v.up), v.f, head, tags}
	defer delete(v.lies, "up")
	_, err := v.bobs.Fetch(v.t.Context(), "", "")
	v.serving.Wait() // folders in memory do not bear two at once
	return err
}

// push has the forger push to the honest repository.
func (v *victims) push(head object.Hash, tags []ref.Tag) error {
	c, err := v.open(v.t.Context(), "mallory", "up")
	must(v.t, err)
	_, err = c.Merge(v.t.Context(), source{v.f}, repo.RemoteMerge{Branch: "master", Head: head, Tags: tags})
	must(v.t, c.Close())
	v.serving.Wait()
	if left, readErr := v.spools["up"].ReadDir(""); readErr == nil && len(left) > 0 {
		v.t.Errorf("%d files are left in the spool", len(left))
	}
	return err
}

// run tries forgeries by fetch and by push. Each is refused in its own words, and changes
// nothing.
func (v *victims) run(t *testing.T, forgeries []tampered) {
	t.Helper()
	words := map[branch.Fault]bool{}
	for _, x := range forgeries {
		t.Run(x.name, func(t *testing.T) {
			clear(v.f.seals)
			clear(v.f.withheld)
			head, tags := x.make(v.f, v.h), []ref.Tag(nil)
			if x.tags != nil {
				tags = x.tags(v.f, v.h)
			}
			words[x.fault] = true
			for way, attempt := range map[string]func(object.Hash, []ref.Tag) error{"fetch": v.fetch, "push": v.push} {
				bobs, up := standingOf(t, v.bobs), standingOf(t, v.up)
				err := attempt(head, tags)
				if got := problem.Fault(err); err == nil || got != string(x.fault) {
					t.Errorf("%s: fault %q, want %q: %v", way, got, string(x.fault), err)
				}
				var remote *transfer.RemoteError
				if way == "push" && (!errors.As(err, &remote) || remote.Code != x.code) {
					t.Errorf("push: want the code %q: %+v", x.code, err)
				}
				if k := problem.Of(t.Context(), err); k.Exit == problem.ExitBug || k.Code == "remote" {
					t.Errorf("%s: nobody foresaw it: %v", way, err)
				}
				if got := standingOf(t, v.bobs); got != bobs {
					t.Errorf("%s: bob's stands as %+v, before %+v", way, got, bobs)
				}
				if got := standingOf(t, v.up); got != up {
					t.Errorf("%s: the repository stands as %+v, before %+v", way, got, up)
				}
			}
		})
	}
	t.Logf("%d forgeries, refused by %d words", len(forgeries), len(words))
}

// sound checks that both go on working, and take the history that was forged from.
func (v *victims) sound(t *testing.T) {
	t.Helper()
	clear(v.f.seals)
	clear(v.f.withheld)
	must(t, v.fetch(v.h.merged.ID, nil))
	must(t, v.push(v.h.merged.ID, nil))
	apply(t, v.up, line("after", 1))
	_, err := v.bobs.Pull(t.Context(), repo.PullRequest{})
	must(t, err)
	for _, r := range []*repo.Repo{v.up, v.bobs} {
		_, err := r.Verify(t.Context(), repo.VerifyRequest{All: true})
		must(t, err)
		standingOf(t, r)
	}
}

func plain(forgeries []forgery) (all []tampered) {
	for _, x := range forgeries {
		all = append(all, tampered{forgery: x})
	}
	return all
}

func TestForgedHeaders(t *testing.T) {
	v := newVictims(t)
	v.run(t, plain(forgedHeaders()))
	v.sound(t)
}

func TestForgedBodies(t *testing.T) {
	v := newVictims(t)
	v.run(t, plain(forgedBodies()))
	v.sound(t)
}

func TestForgedRights(t *testing.T) {
	v := newVictims(t)
	v.run(t, plain(forgedRights()))
	v.sound(t)
}

func TestForgedDirectories(t *testing.T) {
	v := newVictims(t)
	v.run(t, plain(forgedDirectories()))
	v.sound(t)
}

func TestForgedObjects(t *testing.T) {
	v := newVictims(t)
	v.run(t, forgedObjects())
	v.sound(t)
}

// What is wrong with a block is told apart: so many words are for so many rules.
func TestForgeriesHaveWordsOfTheirOwn(t *testing.T) {
	words := map[branch.Fault]int{}
	all := forgedObjects()
	for _, some := range [][]forgery{forgedHeaders(), forgedBodies(), forgedRights(), forgedDirectories()} {
		all = append(all, plain(some)...)
	}
	for _, x := range all {
		words[x.fault]++
	}
	t.Logf("%d forgeries, refused by %d words", len(all), len(words))
	if len(words) < 65 {
		t.Errorf("only %d words: %v", len(words), words)
	}
}
