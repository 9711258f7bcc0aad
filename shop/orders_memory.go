package shop

import (
	"cmp"
	"context"
	"maps"
	"slices"
	"sync"
	"time"

	"agora/fault"
	"agora/pattern/journal"
	"agora/pattern/outbox"
	"agora/pattern/saga"
)

// MemoryOrders is the reference implementation of OrderStore, in memory and under one lock.
type MemoryOrders struct {
	journal.Memory

	mu       sync.Mutex
	orders   map[string]Order
	claims   map[string]Claim // the claim's Order has only an ID
	stock    map[string]Stock
	sagas    map[string]saga.Record
	imports  map[string][]byte
	relayed  uint64
	versions map[string]uint64 // of stock streams
}

// NewMemoryOrders returns an empty store.
func NewMemoryOrders() *MemoryOrders {
	return &MemoryOrders{
		orders: map[string]Order{}, claims: map[string]Claim{}, stock: map[string]Stock{},
		sagas: map[string]saga.Record{}, imports: map[string][]byte{}, versions: map[string]uint64{},
	}
}

// Place implements OrderStore.
func (m *MemoryOrders) Place(ctx context.Context, p Placement) (*Claim, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if claim := m.claimed(p.Key); claim != nil {
		return claim, nil
	}
	if _, taken := m.orders[p.Order.ID]; taken {
		return nil, ErrOrderExists(p.Order.ID)
	}
	if err := m.apply(ctx, p.Transition); err != nil {
		return nil, err
	}
	if p.Key != "" {
		m.claims[p.Key] = Claim{Order: Order{ID: p.Order.ID}, RequestHash: p.RequestHash}
	}
	return nil, nil
}

// Claimed implements OrderStore.
func (m *MemoryOrders) Claimed(_ context.Context, key string) (*Claim, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.claimed(key), nil
}

func (m *MemoryOrders) claimed(key string) *Claim {
	claim, ok := m.claims[key]
	if !ok || key == "" {
		return nil
	}
	claim.Order = m.orders[claim.Order.ID].clone()
	return &claim
}

// Advance implements OrderStore.
func (m *MemoryOrders) Advance(ctx context.Context, t Transition) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	current, ok := m.orders[t.Order.ID]
	if !ok {
		return fault.ErrNotFound("order", t.Order.ID)
	}
	if current.Version+1 != t.Order.Version {
		return ErrOrderMoved()
	}
	return m.apply(ctx, t)
}

// apply stores a transition. If it fails, nothing is stored.
func (m *MemoryOrders) apply(ctx context.Context, t Transition) error {
	if err := m.checkMoves(t.Moves); err != nil {
		return err
	}
	if err := m.Append(ctx, t.Entry); err != nil {
		return err
	}
	for _, move := range t.Moves {
		s := m.stock[move.SKU]
		m.stock[move.SKU] = Stock{move.SKU, s.OnHand + move.OnHand, s.Held + move.Held, s.Version + 1}
	}
	m.orders[t.Order.ID] = t.Order.clone()
	delete(m.sagas, t.Order.ID)
	if t.Saga != nil {
		m.sagas[t.Order.ID] = *t.Saga
	}
	return nil
}

// checkMoves returns *ShortStock if the stock does not cover the moves.
func (m *MemoryOrders) checkMoves(moves []Move) error {
	var short []Short
	for _, move := range moves {
		if s := m.stock[move.SKU]; !s.Covers(move) {
			short = append(short, Short{move.SKU, max(move.Held, -move.OnHand), s.Available()})
		}
	}
	if len(short) > 0 {
		return &ShortStock{short}
	}
	return nil
}

// Order implements OrderStore.
func (m *MemoryOrders) Order(_ context.Context, id string) (Order, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	order, ok := m.orders[id]
	if !ok {
		return Order{}, fault.ErrNotFound("order", id)
	}
	return order.clone(), nil
}

// Stock implements StockStore.
func (m *MemoryOrders) Stock(_ context.Context, skus []string) ([]Stock, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	var found []Stock
	for _, sku := range skus {
		if s, ok := m.stock[sku]; ok {
			found = append(found, s)
		}
	}
	return found, nil
}

// ChangeStock implements StockStore.
func (m *MemoryOrders) ChangeStock(ctx context.Context, sku string, decide func(Stock) (StockChange, error)) (Stock, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	current := m.stock[sku]
	current.SKU = sku
	change, err := decide(current)
	if err != nil {
		return Stock{}, err
	}
	if err := m.append(ctx, change.Entry); err != nil {
		return Stock{}, err
	}
	current.OnHand = change.OnHand
	current.Version++
	m.stock[sku] = current
	return current, nil
}

// append appends an entry to the journal. An entry without a version gets the next version of its stream.
func (m *MemoryOrders) append(ctx context.Context, e journal.Entry) error {
	if e.Version == 0 {
		m.versions[e.Stream]++
		e.Version = m.versions[e.Stream]
	}
	return m.Append(ctx, e)
}

// Import implements ImportStore.
func (m *MemoryOrders) Import(ctx context.Context, batch ImportBatch) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, order := range batch.Orders {
		if _, taken := m.orders[order.ID]; taken {
			return ErrOrderExists(order.ID)
		}
	}
	for _, e := range batch.Entries {
		if err := m.append(ctx, e); err != nil {
			return err
		}
	}
	for _, order := range batch.Orders {
		m.orders[order.ID] = order.clone()
	}
	for _, s := range batch.Stock {
		current := m.stock[s.SKU]
		m.stock[s.SKU] = Stock{s.SKU, s.OnHand, current.Held, current.Version + 1}
	}
	m.imports[batch.Source] = batch.Progress
	return nil
}

// ImportProgress implements ImportStore.
func (m *MemoryOrders) ImportProgress(_ context.Context, source string) ([]byte, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.imports[source], nil
}

// Pending implements outbox.Source.
func (m *MemoryOrders) Pending(ctx context.Context, limit int) ([]outbox.Message, error) {
	m.mu.Lock()
	after := m.relayed
	m.mu.Unlock()
	entries, err := m.All(ctx, after, limit)
	if err != nil {
		return nil, err
	}
	return Messages(entries), nil
}

// Relayed implements outbox.Source.
func (m *MemoryOrders) Relayed(_ context.Context, seq uint64) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.relayed = max(m.relayed, seq)
	return nil
}

// Due implements saga.Store.
func (m *MemoryOrders) Due(_ context.Context, now time.Time, limit int) ([]saga.Record, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	due := slices.DeleteFunc(slices.Collect(maps.Values(m.sagas)), func(r saga.Record) bool { return r.Due.After(now) })
	slices.SortFunc(due, func(a, b saga.Record) int { return cmp.Or(a.Due.Compare(b.Due), cmp.Compare(a.ID, b.ID)) })
	return due[:min(limit, len(due))], nil
}

// Postpone implements saga.Store.
func (m *MemoryOrders) Postpone(_ context.Context, r saga.Record) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.sagas[r.ID].Step == r.Step {
		m.sagas[r.ID] = r
	}
	return nil
}

// EachOrder implements AuditStore.
func (m *MemoryOrders) EachOrder(_ context.Context, visit func(Order) error) error {
	return visitAll(&m.mu, m.orders, visit)
}

// EachStock implements AuditStore.
func (m *MemoryOrders) EachStock(_ context.Context, visit func(Stock) error) error {
	return visitAll(&m.mu, m.stock, visit)
}

// EachClaim implements AuditStore.
func (m *MemoryOrders) EachClaim(ctx context.Context, visit func(key string, claim Claim) error) error {
	m.mu.Lock()
	claims := maps.Clone(m.claims)
	m.mu.Unlock()
	for _, key := range slices.Sorted(maps.Keys(claims)) {
		claim := claims[key]
		order, err := m.Order(ctx, claim.Order.ID)
		if err == nil {
			err = visit(key, Claim{Order: order, RequestHash: claim.RequestHash})
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// EachSaga implements AuditStore.
func (m *MemoryOrders) EachSaga(_ context.Context, visit func(saga.Record) error) error {
	return visitAll(&m.mu, m.sagas, visit)
}

// visitAll calls visit for the values of a map, in the order of their keys. It visits a copy of the map, because visit may
// call the store.
func visitAll[V any](mu *sync.Mutex, all map[string]V, visit func(V) error) error {
	mu.Lock()
	copied := maps.Clone(all)
	mu.Unlock()
	for _, key := range slices.Sorted(maps.Keys(copied)) {
		if err := visit(copied[key]); err != nil {
			return err
		}
	}
	return nil
}

// Relay implements AuditStore.
func (m *MemoryOrders) Relay(ctx context.Context) (newest, relayed uint64, err error) {
	m.mu.Lock()
	relayed = m.relayed
	m.mu.Unlock()
	rest, err := m.All(ctx, relayed, 1<<62)
	return relayed + uint64(len(rest)), relayed, err
}
