package httpapi

import "agora/accounts"

// Access is the set of those who may call a route. The zero Access is nobody, and a route with it panics when it is
// registered.
type Access uint8

const (
	anonymous Access = 1 << iota
	shopper
	seller
	admin
	metrics

	SignedIn = shopper | seller | admin // everybody with a token, except tokens for metrics
	AnyToken = SignedIn | metrics       // everybody with a token
	Public   = anonymous | AnyToken     // everybody
)

// Roles returns the access of exactly these roles. It panics on a role that does not exist.
func Roles(roles ...accounts.Role) Access {
	var a Access
	for _, r := range roles {
		one := accessOf(r)
		if one == 0 {
			panic("httpapi: there is no role " + string(r))
		}
		a |= one
	}
	return a
}

func accessOf(r accounts.Role) Access {
	switch r {
	case accounts.Shopper:
		return shopper
	case accounts.Seller:
		return seller
	case accounts.Admin:
		return admin
	case accounts.Metrics:
		return metrics
	}
	return 0
}

// Allows reports whether the principal may call the route. The service checks who owns an object.
func (a Access) Allows(p accounts.Principal) bool {
	if !p.Known() {
		return a&anonymous != 0
	}
	return a&accessOf(p.Role) != 0
}

// Names lists who may call, "anonymous" first, for x-roles in the OpenAPI document.
func (a Access) Names() []string {
	var names []string
	if a&anonymous != 0 {
		names = append(names, "anonymous")
	}
	for _, r := range accounts.Roles {
		if a&accessOf(r) != 0 {
			names = append(names, string(r))
		}
	}
	return names
}
