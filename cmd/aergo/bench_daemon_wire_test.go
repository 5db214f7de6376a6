package main_test

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime/debug"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/go-git/go-billy/v5/osfs"
	"github.com/klauspost/compress/zstd"

	"aergo/repo/object"
	"aergo/repo/store"
)

// startAergo starts aergo's daemon and returns its HOST:PORT. It ends with the benchmark.
func (d *servedBench) startAergo(root string) string {
	cmd := exec.Command(d.aergo.binary, "daemon", "--json", "--root", root, "--listen", "127.0.0.1:0",
		"--log-level", "error", "--gateway", "127.0.0.1:0", "--readable", servedName)
	cmd.Env = d.aergo.env
	out, err := cmd.StdoutPipe()
	d.fail(err)
	d.fail(cmd.Start())
	d.b.Cleanup(func() {
		_ = cmd.Process.Signal(syscall.SIGTERM)
		_ = cmd.Wait()
	})
	line, err := bufio.NewReader(out).ReadBytes('\n')
	d.fail(err)
	var said struct {
		Addresses []string `json:"addresses"`
		Gateway   string   `json:"gateway"`
	}
	d.fail(json.Unmarshal(line, &said))
	d.gateway, d.daemon = said.Gateway, cmd.Process.Pid
	return hostPort(said.Addresses[0])
}

// daemonMemory returns the largest resident set of aergo's daemon so far.
func (d *servedBench) daemonMemory() string {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", d.daemon))
	if err != nil {
		return "unknown"
	}
	_, rest, _ := strings.Cut(string(text), "VmHWM:")
	line, _, _ := strings.Cut(rest, "\n")
	return strings.TrimSpace(line)
}

// startGit starts git's daemon and returns its HOST:PORT.
func (d *servedBench) startGit(root string) string {
	free, err := net.Listen("tcp", "127.0.0.1:0")
	d.fail(err)
	at := free.Addr().String()
	d.fail(free.Close())
	_, port, err := net.SplitHostPort(at)
	d.fail(err)
	cmd := exec.Command(d.git.binary, "daemon", "--export-all", "--enable=receive-pack", "--reuseaddr", "--listen=127.0.0.1",
		"--port="+port, "--base-path="+root, root)
	cmd.Env = d.git.env
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	d.fail(cmd.Start())
	d.b.Cleanup(func() {
		_ = syscall.Kill(-cmd.Process.Pid, syscall.SIGTERM) // its own process group: git starts another process
		_ = cmd.Wait()
	})
	for deadline := time.Now().Add(10 * time.Second); ; {
		conn, err := net.Dial("tcp", at)
		if err == nil {
			conn.Close()
			return at
		}
		if time.Now().After(deadline) {
			d.fail(err)
		}
	}
}

// proxy passes TCP connections on, and counts their bytes.
type proxy struct {
	at    string
	bytes atomic.Int64
	open  sync.WaitGroup
}

// proxy starts a proxy in front of HOST:PORT.
func (d *servedBench) proxy(to string) *proxy {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	d.fail(err)
	d.b.Cleanup(func() { l.Close() })
	p := &proxy{at: l.Addr().String()}
	go func() {
		for {
			in, err := l.Accept()
			if err != nil {
				return
			}
			out, err := net.Dial("tcp", to)
			if err != nil {
				in.Close()
				continue
			}
			p.pass(in, out)
			p.pass(out, in)
		}
	}()
	return p
}

func (p *proxy) pass(from, to net.Conn) {
	p.open.Go(func() {
		defer to.Close()
		_, _ = io.Copy(to, io.TeeReader(from, (*counter)(&p.bytes)))
	})
}

// counts returns how many bytes of TCP's payload go by, both ways, while fn runs.
func (p *proxy) counts(fn func()) int64 {
	before := p.bytes.Load()
	fn()
	p.open.Wait()
	return p.bytes.Load() - before
}

type counter atomic.Int64

// Write implements io.Writer.
func (c *counter) Write(b []byte) (int, error) {
	(*atomic.Int64)(c).Add(int64(len(b)))
	return len(b), nil
}

// objects returns what a repository holds, by hash.
func (d *servedBench) objects(folder string) map[object.Hash]bool {
	all := map[object.Hash]bool{}
	d.each(folder, func(_ *store.Disk, i store.Info) { all[i.Hash] = true })
	return all
}

func (d *servedBench) each(folder string, fn func(*store.Disk, store.Info)) {
	packs, err := store.Open(osfs.New(filepath.Join(folder, ".aergo", "packs")), store.Options{ReadOnly: true, CacheBytes: 4 << 20})
	d.fail(err)
	defer packs.Close()
	d.fail(packs.Each(d.b.Context(), func(i store.Info) error {
		fn(packs, i)
		return nil
	}))
}

// weight is how many bytes some objects have.
type weight struct {
	plain      int64 // of all
	moved      int64 // of those that travel: all but states and accounts; with their seals
	compressed int64 // of those, as one stream
}

// weightOf returns the weight of what a repository holds that was not there before.
func (d *servedBench) weightOf(folder string, before map[object.Hash]bool) (out weight) {
	var stream counter
	encoder, err := zstd.NewWriter(&stream)
	d.fail(err)
	d.each(folder, func(packs *store.Disk, i store.Info) {
		if before[i.Hash] {
			return
		}
		out.plain += int64(i.SizeBytes)
		if i.Kind == object.KindStateNode {
			return
		}
		data, err := packs.Get(d.b.Context(), i.Hash)
		d.fail(err)
		seal, err := packs.Seal(d.b.Context(), i.Hash)
		d.fail(err)
		n, err := encoder.Write(append(append([]byte{}, data...), seal...))
		d.fail(err)
		out.moved += int64(n)
	})
	d.fail(encoder.Close())
	debug.FreeOSMemory() // the kernel counts the benchmark's own memory in what its processes take
	out.compressed = (*atomic.Int64)(&stream).Load()
	return out
}

// compressed returns the weight of a file.
func (d *servedBench) compressed(path string) weight {
	in, err := os.Open(path)
	d.fail(err)
	defer in.Close()
	var stream counter
	encoder, err := zstd.NewWriter(&stream)
	d.fail(err)
	n, err := io.Copy(encoder, in)
	d.fail(err)
	d.fail(encoder.Close())
	return weight{plain: n, moved: n, compressed: (*atomic.Int64)(&stream).Load()}
}
