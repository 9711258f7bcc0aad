package accounts

// Role says what a person may do. A request has one role.
type Role string

const (
	Shopper Role = "shopper" // sees public objects and their own orders
	Seller  Role = "seller"  // also changes their own products and stock
	Admin   Role = "admin"   // may do everything
	Metrics Role = "metrics" // reads the metrics of the server; of tokens only
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

// Principal is the caller of a request. The zero Principal is a visitor who did not sign in.
type Principal struct {
	UserID    string // usr_…
	Role      Role
	SessionID string // ses_…: of the token in the request
}

// Known reports whether the caller is signed in.
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

// Owns reports whether the principal may change an object of the user ownerID. Admins may change every object.
func (p Principal) Owns(ownerID string) bool {
	return p.Is(Admin) || (p.Known() && p.UserID == ownerID)
}
