package generate

import (
	"context"
	"fmt"
	"math"
	"math/rand/v2"
	"strconv"
	"time"

	"agora/ident"
	"agora/shop"
)

const (
	stockBatch   = 5_000
	orderBatch   = 500
	reviewBatch  = 500
	maxReviews   = 5_000
	betweenSales = 5 * time.Minute
)

// firstSale is the time of the first order.
var firstSale = time.Date(2025, 1, 1, 0, 0, 0, 0, time.UTC)

// PopularProduct draws the number of a product by popularity, which follows Zipf's law with exponent 1. The popular products are
// spread over the whole catalogue.
func (p Plan) PopularProduct(source *rand.Rand) int { return popular(entropy{source}, p.Products) }

func popular(random entropy, n int) int { return newScattering(n).at(zipf(random, n)) }

// scattering is a permutation of the numbers below n: it multiplies by a number near n divided by the golden ratio that has no common
// divisor with n. This separates neighbours (Knuth, TAOCP 3, section 6.4).
type scattering struct{ step, n int }

func newScattering(n int) scattering {
	step := max(1, int(float64(n)/math.Phi))
	for divisor(step, n) > 1 {
		step++
	}
	return scattering{step, n}
}

func (s scattering) at(i int) int { return i * s.step % s.n }

// divisor returns the greatest common divisor.
func divisor(a, b int) int {
	for b != 0 {
		a, b = b, a%b
	}
	return a
}

// trade are the stages that need the catalogue.
func (r *run) trade() []stage {
	market := fmt.Sprintf("seed %d, %d products, %d users", r.Seed, r.Products, r.Plan.Users)
	return []stage{
		r.counted("stock", fmt.Sprintf("generated stock, seed %d", r.Seed), r.Products, stockBatch, r.stockBatch),
		r.counted("orders", "generated orders, "+market, r.Plan.Orders, orderBatch, r.orderBatch),
		r.counted("reviews", "generated reviews, "+market, r.reviews(), reviewBatch, r.reviewBatch),
	}
}

// counted returns a stage whose progress the order store writes in the same transaction as each batch.
func (r *run) counted(name, source string, total, size int, batch func(ctx context.Context, from, to int) (shop.ImportBatch, error)) stage {
	return stage{
		name: name, total: total, batch: size,
		done: func(ctx context.Context) (int, error) {
			progress, err := r.importer.Progress(ctx, source)
			if err != nil || progress == nil {
				return 0, err
			}
			return strconv.Atoi(string(progress))
		},
		add: func(ctx context.Context, from, to int) error {
			b, err := batch(ctx, from, to)
			if err != nil {
				return err
			}
			b.Source, b.Progress = source, strconv.AppendInt(nil, int64(to), 10)
			return r.importer.Import(ctx, b)
		},
	}
}

// stockBatch stocks products: most with dozens to thousands of units, a few with none.
func (r *run) stockBatch(ctx context.Context, from, to int) (shop.ImportBatch, error) {
	skus := make([]string, 0, to-from)
	for i := from; i < to; i++ {
		skus = append(skus, r.SKU(i))
	}
	current, err := r.importer.Stock(ctx, skus)
	if err != nil {
		return shop.ImportBatch{}, err
	}
	var batch shop.ImportBatch
	for n, sku := range skus {
		units := r.units(from + n)
		if units == 0 {
			continue
		}
		before := current[sku]
		before.SKU = sku
		after, fact, err := shop.NewImportedStock(before, units, "opening stock", r.madeAt(from+n))
		if err != nil {
			return shop.ImportBatch{}, err
		}
		batch.Stock = append(batch.Stock, after)
		batch.Entries = append(batch.Entries, fact)
	}
	return batch, nil
}

// units returns how many of product number i are on hand.
func (p Plan) units(i int) int64 {
	random := p.random(ofStock, i)
	if random.IntN(33) == 0 {
		return 0
	}
	return int64(20 * math.Exp(random.Float64()*math.Log(100)))
}

func (r *run) orderBatch(_ context.Context, from, to int) (shop.ImportBatch, error) {
	var batch shop.ImportBatch
	for i := from; i < to; i++ {
		order, fact, err := shop.NewImportedOrder(r.order(i))
		if err != nil {
			return shop.ImportBatch{}, err
		}
		batch.Orders = append(batch.Orders, order)
		batch.Entries = append(batch.Entries, fact)
	}
	return batch, nil
}

// order returns past order number i: a few popular products for a shopper, who may have earlier orders.
func (p Plan) order(i int) shop.Order {
	random := p.random(ofOrder, i)
	at := firstSale.Add(time.Duration(i) * betweenSales)
	order := shop.Order{
		ID: ident.At(ident.Order, at, random), UserID: p.UserID(popular(random, p.Users)),
		PlacedAt: at, Reference: fmt.Sprintf("generated-%d-%06d", p.Seed, i),
	}
	bought := map[int]bool{}
	for range 1 + random.IntN(4) {
		number := popular(random, p.Products)
		if bought[number] {
			continue
		}
		bought[number] = true
		product := p.product(number)
		order.Lines = append(order.Lines, shop.Line{
			ProductID: product.ID, SKU: product.SKU, Seller: product.Seller, Name: product.Name,
			Quantity: int64(1 + zipf(random, 5)), Price: product.Price,
		})
	}
	return order
}

// reviews returns the number of reviews: 25 for 100 products, and 5,000 at most.
func (p Plan) reviews() int {
	if p.Users == 0 {
		return 0
	}
	return min(p.Products/4, maxReviews)
}

// reviewBatch stores reviews in the catalogue, so the batch that it returns for the order store is empty. A batch that is repeated
// after a crash adds no review twice.
func (r *run) reviewBatch(ctx context.Context, from, to int) (shop.ImportBatch, error) {
	var batch []shop.Review
	for i := from; i < to; i++ {
		batch = append(batch, r.review(i))
	}
	_, err := r.Catalog.AddReviews(ctx, batch)
	return shop.ImportBatch{}, err
}

func (p Plan) review(i int) shop.Review {
	random := p.random(ofReview, i)
	at := firstSale.Add(time.Duration(i) * betweenSales)
	opinion := opinions[random.IntN(len(opinions))]
	return shop.Review{
		ID: ident.At(ident.Review, at, random), ProductID: p.ProductID(popular(random, p.Products)),
		User: p.UserID(random.IntN(p.Users)), Rating: opinion.rating, Text: pick(random, opinion.texts), CreatedAt: at,
	}
}
