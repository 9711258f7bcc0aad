package shop

// Actor is the account that asks for a change, reduced to what the rules of the shop need.
type Actor struct {
	ID    string // usr_…
	Admin bool   // runs the marketplace: may change products and orders of others
}

// mayChange returns fault.Denied unless the thing belongs to the actor or the actor is an admin.
func (a Actor) mayChange(thing, owner string) error {
	if a.Admin || a.ID != "" && a.ID == owner {
		return nil
	}
	return errNotOwner("the " + thing + " belongs")
}
