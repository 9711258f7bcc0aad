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

	SignedIn = shopper | seller | admin // everybody who has a token that is not only for figures
	AnyToken = SignedIn | metrics       // everybody who has a token
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

// Allows reports whether the principal may call. Who owns an object is a question for the service.
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
