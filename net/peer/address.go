package peer

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strconv"
	"strings"

	"github.com/multiformats/go-multiaddr"

	"aergo/repo/ref"
)

// Scheme begins every address.
const Scheme = "aergo://"

// ErrBadAddress says that something is no address.
var ErrBadAddress = errors.New("bad address")

// Address is where a repository is to be found, in one of three forms:
//
//	aergo://HOST:PORT/REPOSITORY       whoever answers there
//	aergo://PEER@HOST:PORT/REPOSITORY  the peer with this key, there
//	aergo://PEER/REPOSITORY            the peer with this key, where it was last
//
// Without a repository it is the address of a host.
type Address struct {
	Peer       ID     // empty if the key is not stated
	HostPort   string // as net.JoinHostPort writes it; empty if it is not stated
	Repository string
}

// String writes the address as ParseAddress reads it.
func (a Address) String() string {
	var b strings.Builder
	b.WriteString(Scheme)
	b.WriteString(string(a.Peer))
	if a.Peer != "" && a.HostPort != "" {
		b.WriteByte('@')
	}
	b.WriteString(a.HostPort)
	if a.Repository != "" {
		b.WriteByte('/')
		b.WriteString(a.Repository)
	}
	return b.String()
}

// maxAddressBytes bounds an address.
const maxAddressBytes = 2 << 10

// ParseAddress reads an address. What it accepts, String writes again as it was, but for
// upper-case letters in HOST and another way to write an IP. The error wraps
// ErrBadAddress.
func ParseAddress(s string) (Address, error) {
	a, err := parseAddress(s)
	if err != nil {
		shown := s
		if len(shown) > 200 {
			shown = shown[:200] + "..."
		}
		return Address{}, fmt.Errorf("%q: %w: %w", shown, ErrBadAddress, err)
	}
	return a, nil
}

func parseAddress(s string) (a Address, err error) {
	rest, ok := strings.CutPrefix(s, Scheme)
	if !ok || len(s) > maxAddressBytes {
		return a, fmt.Errorf("want %sHOST:PORT/REPOSITORY", Scheme)
	}
	where, repository, named := strings.Cut(rest, "/")
	a.Repository = repository
	if named {
		for part := range strings.SplitSeq(repository, "/") {
			if err := ref.Name(part).Check(); err != nil {
				return a, fmt.Errorf("repository: %w", err)
			}
		}
	}
	id, hostPort, both := strings.Cut(where, "@")
	if !both && !strings.Contains(where, ":") {
		hostPort = ""
	} else if !both {
		id, hostPort = "", where
	}
	if id != "" || both || hostPort == "" {
		if a.Peer, err = ParseID(id); err != nil {
			return a, fmt.Errorf("want HOST:PORT, PEER@HOST:PORT or the id of a peer: %w", err)
		}
	}
	if hostPort == "" && !both {
		return a, nil
	}
	a.HostPort, err = cleanHostPort(hostPort)
	return a, err
}

// cleanHostPort checks a host and port, and writes them in one way.
func cleanHostPort(s string) (string, error) {
	host, port, err := net.SplitHostPort(s)
	if err != nil {
		return "", errors.New("want HOST:PORT")
	}
	n, err := strconv.ParseUint(port, 10, 16)
	if err != nil || strconv.FormatUint(n, 10) != port {
		return "", fmt.Errorf("%q is not a port", port)
	}
	if ip, err := netip.ParseAddr(host); err == nil {
		if ip.Zone() != "" {
			return "", errors.New("an IP with a zone has a meaning on one machine only")
		}
		return netip.AddrPortFrom(ip.Unmap(), uint16(n)).String(), nil
	}
	host = strings.ToLower(host)
	if !isHostName(host) {
		return "", fmt.Errorf("%q is not the name of a host", host)
	}
	return net.JoinHostPort(host, port), nil
}

// isHostName says whether s is a name as RFC 1123 has it, and no number.
func isHostName(s string) bool {
	if s == "" || len(s) > 253 {
		return false
	}
	letter := false
	for label := range strings.SplitSeq(s, ".") {
		if label == "" || len(label) > 63 || label[0] == '-' || label[len(label)-1] == '-' {
			return false
		}
		for _, c := range []byte(label) {
			switch {
			case 'a' <= c && c <= 'z':
				letter = true
			case '0' <= c && c <= '9', c == '-':
			default:
				return false
			}
		}
	}
	return letter
}

// multiaddrs returns how to reach a host and port: by TCP and by QUIC.
func multiaddrs(hostPort string) (tcp, quic multiaddr.Multiaddr, err error) {
	host, port, err := net.SplitHostPort(hostPort)
	if err != nil {
		return nil, nil, fmt.Errorf("%q: %w", hostPort, ErrBadAddress)
	}
	kind := "dns"
	if ip, err := netip.ParseAddr(host); err == nil {
		kind = "ip6"
		if ip.Is4() {
			kind = "ip4"
		}
	}
	if tcp, err = multiaddr.NewMultiaddr(fmt.Sprintf("/%s/%s/tcp/%s", kind, host, port)); err != nil {
		return nil, nil, fmt.Errorf("%q: %w: %w", hostPort, ErrBadAddress, err)
	}
	if quic, err = multiaddr.NewMultiaddr(fmt.Sprintf("/%s/%s/udp/%s/quic-v1", kind, host, port)); err != nil {
		return nil, nil, fmt.Errorf("%q: %w: %w", hostPort, ErrBadAddress, err)
	}
	return tcp, quic, nil
}
