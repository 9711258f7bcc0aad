package httpapi

import (
	"net/http"
	"net/netip"
	"slices"
	"strings"
)

// clientAddress returns the address of the client. It reads X-Forwarded-For from its end, where the nearest proxy wrote, up to
// the first address that is not a trusted proxy. An IPv6 address is returned as its /64, which is what one subscriber has.
func (s *Server) clientAddress(r *http.Request) netip.Addr {
	peer, err := netip.ParseAddrPort(r.RemoteAddr)
	if err != nil {
		return netip.Addr{}
	}
	address := peer.Addr().Unmap()
	forwarded := strings.Join(r.Header["X-Forwarded-For"], ",")
	for s.trusted(address) && forwarded != "" {
		var last string
		if i := strings.LastIndexByte(forwarded, ','); i >= 0 {
			forwarded, last = forwarded[:i], forwarded[i+1:]
		} else {
			forwarded, last = "", forwarded
		}
		hop, err := netip.ParseAddr(strings.TrimSpace(last))
		if err != nil {
			break
		}
		address = hop.Unmap()
	}
	return subscriber(address)
}

// fromProxy reports whether the request comes from a trusted proxy.
func (s *Server) fromProxy(r *http.Request) bool {
	peer, err := netip.ParseAddrPort(r.RemoteAddr)
	return err == nil && s.trusted(peer.Addr().Unmap())
}

func (s *Server) trusted(a netip.Addr) bool { return contains(s.options.TrustedProxies, a) }

func contains(networks []netip.Prefix, a netip.Addr) bool {
	return slices.ContainsFunc(networks, func(network netip.Prefix) bool { return network.Contains(a) })
}

func subscriber(a netip.Addr) netip.Addr {
	if !a.Is6() {
		return a
	}
	network, err := a.WithZone("").Prefix(64)
	if err != nil {
		return a
	}
	return network.Addr()
}
