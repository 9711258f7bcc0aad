package accounts

// Role says what a person may do. Each request is made in exactly one role.
type Role string

const (
	Shopper Role = "shopper" // buys: sees public things and what is their own
	Seller  Role = "seller"  // also offers products: changes their own products and stock
	Admin   Role = "admin"   // runs the marketplace: may do everything
)

// Roles are all roles, from the least to the most powerful.
var Roles = []Role{Shopper, Seller, Admin}

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
