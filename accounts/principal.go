package accounts

// Role says what a person may do. Each request is made in exactly one role.
type Role string

const (
	Shopper Role = "shopper" // buys: sees public things and what is their own
	Seller  Role = "seller"  // also offers products: changes their own products and stock
	Admin   Role = "admin"   // runs the marketplace: may do everything
	Metrics Role = "metrics" // of tokens only: reads the figures of the server and nothing else
)

// Roles are all roles.
var Roles = []Role{Shopper, Seller, Admin, Metrics}

// userRoles are the roles that a user can have. A token can have each role that its user's role covers.
var userRoles = []Role{Shopper, Seller, Admin}

// covers reports whether a user of the role may have a token of the other role.
func (r Role) covers(other Role) bool {
	switch r {
	case Admin:
		return true
	case Seller:
		return other == Seller || other == Shopper
	}
	return other == r
}

// Principal is who makes a request. The zero Principal is nobody: a visitor who did not sign in.
type Principal struct {
	UserID    string // usr_…; the admin of a data folder's token has one too
	Role      Role
	SessionID string // ses_…: the session or token that the request came with
}

// Known reports whether somebody is signed in.
func (p Principal) Known() bool { return p.UserID != "" }

// Is reports whether the principal has one of the roles.
func (p Principal) Is(roles ...Role) bool {
	for _, r := range roles {
		if p.Known() && p.Role == r {
			return true
		}
	}
	return false
}

// Owns reports whether an object that belongs to ownerID is the principal's to change: admins own everything.
func (p Principal) Owns(ownerID string) bool {
	return p.Is(Admin) || (p.Known() && p.UserID == ownerID)
}
