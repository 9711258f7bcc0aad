package generate

import (
	"context"
	"fmt"
	"time"

	"agora/accounts"
	"agora/fault"
	"agora/ident"
)

const (
	productsPerSeller = 200
	peopleBatch       = 10_000

	// betweenPeople is the time between two registrations: a million in two months.
	betweenPeople = 5 * time.Second
)

// countries are the countries of people. The weights are rough estimates.
var countries = weighted(map[string]int{
	"US": 30, "GB": 12, "DE": 11, "FR": 9, "IN": 8, "IT": 6, "ES": 6, "BR": 5, "CA": 5, "NL": 4, "PL": 4,
	"JP": 4, "AU": 3, "SE": 3, "BE": 2, "AT": 2, "CH": 2, "IE": 2, "DK": 2, "PT": 1, "FI": 1, "NO": 1, "SG": 1, "ZA": 1,
})

// UserID returns the identifier of shopper number i.
func (p Plan) UserID(i int) string { return p.shopper(i).account.ID }

// Sellers returns how many sellers the products have.
func (p Plan) Sellers() int { return (p.Products + productsPerSeller - 1) / productsPerSeller }

// SellerID returns the identifier of seller number i.
func (p Plan) SellerID(i int) string { return p.seller(i).account.ID }

// person is the data of a person in both stores.
type person struct {
	account accounts.Account
	details accounts.Personal
}

func (p Plan) shopper(i int) person {
	return newPerson(p.random(ofShopper, i), i, "shopper", fmt.Sprintf("Shopper %06d", i), accounts.Shopper)
}

func (p Plan) seller(i int) person {
	return newPerson(p.random(ofSeller, i), i, "seller", fmt.Sprintf("Seller %04d", i), accounts.Seller)
}

func newPerson(random entropy, i int, mailbox, name string, role accounts.Role) person {
	joined := epoch.Add(time.Duration(i) * betweenPeople)
	user := accounts.User{
		ID: ident.At(ident.User, joined, random), Name: name, Country: pick(random, countries),
		Role: role, CreatedAt: joined,
	}
	born := time.Date(1940, 1, 1+random.IntN(66*365), 0, 0, 0, 0, time.UTC)
	return person{
		account: accounts.Account{User: user},
		details: accounts.Personal{
			UserID: user.ID, Email: fmt.Sprintf("%09d.%s@example.com", i, mailbox),
			Details: accounts.Details{BirthDate: born.Format(time.DateOnly)},
		},
	}
}

// accounts are the stages that fill the user store.
func (r *run) accounts() []stage {
	return []stage{
		r.accountStage("sellers", r.Sellers(), r.seller),
		r.accountStage("users", r.Plan.Users, r.shopper),
	}
}

func (r *run) accountStage(name string, total int, number func(int) person) stage {
	return stage{
		name: name, total: total, batch: peopleBatch,
		done: func(ctx context.Context) (int, error) {
			return known(total, func(i int) (bool, error) {
				_, err := r.Targets.Users.User(ctx, number(i).account.ID)
				return found(err)
			})
		},
		add: func(ctx context.Context, from, to int) error {
			var batch []accounts.Account
			for i := from; i < to; i++ {
				batch = append(batch, number(i).account)
			}
			return r.Targets.Users.CreateMany(ctx, batch)
		},
	}
}

// personal are the stages that fill the store of personal data.
func (r *run) personal() []stage {
	return []stage{
		r.personalStage("seller data", r.Sellers(), r.seller),
		r.personalStage("user data", r.Plan.Users, r.shopper),
	}
}

func (r *run) personalStage(name string, total int, number func(int) person) stage {
	return stage{
		name: name, total: total, batch: peopleBatch,
		done: func(ctx context.Context) (int, error) {
			return known(total, func(i int) (bool, error) {
				_, err := r.Personal.Personal(ctx, number(i).details.UserID)
				return found(err)
			})
		},
		add: func(ctx context.Context, from, to int) error {
			var batch []accounts.Personal
			for i := from; i < to; i++ {
				batch = append(batch, number(i).details)
			}
			return r.Personal.CreateMany(ctx, batch)
		},
	}
}

// found returns whether something exists, from the error of reading it.
func found(err error) (bool, error) {
	if fault.Is(err, fault.NotFound) {
		return false, nil
	}
	return err == nil, err
}
