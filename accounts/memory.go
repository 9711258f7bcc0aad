package accounts

import (
	"context"
	"sync"
	"time"

	"agora/fault"
)

// MemoryUsers is the UserStore in the memory of this process, the reference for the engines.
type MemoryUsers struct {
	mu       sync.RWMutex
	accounts map[string]Account // by user id
}

// NewMemoryUsers returns an empty store.
func NewMemoryUsers() *MemoryUsers { return &MemoryUsers{accounts: map[string]Account{}} }

// CreateMany implements UserStore.
func (m *MemoryUsers) CreateMany(_ context.Context, accounts []Account) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	given := make(map[string]bool, len(accounts))
	for _, a := range accounts {
		if _, taken := m.accounts[a.ID]; taken || given[a.ID] {
			return ErrUserExists(a.ID)
		}
		given[a.ID] = true
	}
	for _, a := range accounts {
		m.accounts[a.ID] = a
	}
	return nil
}

// User implements UserStore.
func (m *MemoryUsers) User(_ context.Context, id string) (User, error) {
	account, err := m.account(id)
	return account.User, err
}

// PasswordHash implements UserStore.
func (m *MemoryUsers) PasswordHash(_ context.Context, id string) (string, error) {
	account, err := m.account(id)
	return account.PasswordHash, err
}

func (m *MemoryUsers) account(id string) (Account, error) {
	m.mu.RLock()
	defer m.mu.RUnlock()
	account, ok := m.accounts[id]
	if !ok {
		return Account{}, fault.ErrNotFound("user", id)
	}
	return account, nil
}

// SetRole implements UserStore.
func (m *MemoryUsers) SetRole(_ context.Context, id string, role Role) error {
	return m.change(id, func(a *Account) error {
		a.Role = role
		return nil
	})
}

// ReplacePasswordHash implements UserStore.
func (m *MemoryUsers) ReplacePasswordHash(_ context.Context, id, from, to string) error {
	return m.change(id, func(a *Account) error {
		if a.PasswordHash != from {
			return ErrPasswordChanged()
		}
		a.PasswordHash = to
		return nil
	})
}

func (m *MemoryUsers) change(id string, change func(*Account) error) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	account, ok := m.accounts[id]
	if !ok {
		return fault.ErrNotFound("user", id)
	}
	if err := change(&account); err != nil {
		return err
	}
	m.accounts[id] = account
	return nil
}

// MemoryPersonal is the PersonalStore in the memory of this process, the reference for the engines.
type MemoryPersonal struct {
	mu      sync.RWMutex
	people  map[string]Personal // by user id
	byEmail map[string]string   // user id by address
}

// NewMemoryPersonal returns an empty store.
func NewMemoryPersonal() *MemoryPersonal {
	return &MemoryPersonal{people: map[string]Personal{}, byEmail: map[string]string{}}
}

// Claim implements PersonalStore.
func (m *MemoryPersonal) Claim(_ context.Context, email, userID string) (string, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if holder, taken := m.byEmail[email]; taken {
		return holder, nil
	}
	if _, known := m.people[userID]; known {
		return "", ErrPersonExists(userID)
	}
	m.put(Personal{UserID: userID, Email: email})
	return userID, nil
}

// CreateMany implements PersonalStore.
func (m *MemoryPersonal) CreateMany(_ context.Context, people []Personal) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	given := make(map[string]bool, 2*len(people))
	for _, p := range people {
		_, known := m.people[p.UserID]
		_, taken := m.byEmail[p.Email]
		if known || taken || given[p.UserID] || given[p.Email] {
			return ErrPersonExists(p.UserID)
		}
		given[p.UserID], given[p.Email] = true, true
	}
	for _, p := range people {
		m.put(p)
	}
	return nil
}

func (m *MemoryPersonal) put(p Personal) {
	m.people[p.UserID] = p
	m.byEmail[p.Email] = p.UserID
}

// SetDetails implements PersonalStore.
func (m *MemoryPersonal) SetDetails(_ context.Context, userID string, details Details) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	p, ok := m.people[userID]
	if !ok {
		return fault.ErrNotFound("user", userID)
	}
	p.Details = details
	m.put(p)
	return nil
}

// Personal implements PersonalStore.
func (m *MemoryPersonal) Personal(_ context.Context, userID string) (Personal, error) {
	m.mu.RLock()
	defer m.mu.RUnlock()
	p, ok := m.people[userID]
	if !ok {
		return Personal{}, fault.ErrNotFound("user", userID)
	}
	return p, nil
}

// UserIDByEmail implements PersonalStore.
func (m *MemoryPersonal) UserIDByEmail(_ context.Context, email string) (string, error) {
	m.mu.RLock()
	defer m.mu.RUnlock()
	id, ok := m.byEmail[email]
	if !ok {
		return "", ErrEmailUnknown()
	}
	return id, nil
}

// Delete implements PersonalStore.
func (m *MemoryPersonal) Delete(_ context.Context, userID string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	delete(m.byEmail, m.people[userID].Email)
	delete(m.people, userID)
	return nil
}

// MemorySessions is the SessionStore in the memory of this process, the reference for the engines.
type MemorySessions struct {
	mu       sync.RWMutex
	sessions map[TokenHash]Session
}

// NewMemorySessions returns an empty store.
func NewMemorySessions() *MemorySessions { return &MemorySessions{sessions: map[TokenHash]Session{}} }

// Create implements SessionStore.
func (m *MemorySessions) Create(_ context.Context, hash TokenHash, session Session) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if _, taken := m.sessions[hash]; taken {
		return ErrSessionExists()
	}
	m.sessions[hash] = session
	return nil
}

// Session implements SessionStore.
func (m *MemorySessions) Session(_ context.Context, hash TokenHash) (Session, error) {
	m.mu.RLock()
	defer m.mu.RUnlock()
	session, ok := m.sessions[hash]
	if !ok {
		return Session{}, ErrSessionUnknown()
	}
	return session, nil
}

// Delete implements SessionStore.
func (m *MemorySessions) Delete(_ context.Context, hash TokenHash) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	delete(m.sessions, hash)
	return nil
}

// OfUser implements SessionStore.
func (m *MemorySessions) OfUser(_ context.Context, userID string) ([]TokenHash, error) {
	m.mu.RLock()
	defer m.mu.RUnlock()
	var hashes []TokenHash
	for hash, session := range m.sessions {
		if session.UserID == userID {
			hashes = append(hashes, hash)
		}
	}
	return hashes, nil
}

// DeleteExpired implements SessionStore.
func (m *MemorySessions) DeleteExpired(_ context.Context, now time.Time, limit int) (int, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	var n int
	for hash, session := range m.sessions {
		if n < limit && !session.ExpiresAt.After(now) {
			delete(m.sessions, hash)
			n++
		}
	}
	return n, nil
}
