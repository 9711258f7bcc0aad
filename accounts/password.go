package accounts

import (
	"cmp"
	"context"
	"crypto/rand"
	"crypto/subtle"
	"encoding/base64"
	"errors"
	"fmt"
	"runtime"
	"strings"

	"golang.org/x/crypto/argon2"
)

// Hashing is the cost of an Argon2id hash of a password (RFC 9106) and the number of concurrent hashes. A zero field has the
// default. The default cost is the recommendation of OWASP
// (https://cheatsheetseries.owasp.org/cheatsheets/Password_Storage_Cheat_Sheet.html).
type Hashing struct {
	MemoryKiB uint32 // 19456
	Passes    uint32 // 2
	Lanes     uint8  // 1
	AtOnce    int    // hashes computed at the same time, each in MemoryKiB: one less than there are processors, so that one is left for everything else; at least 1
	Waiting   int    // callers that may wait for their turn; more are refused: 32 times AtOnce
}

func (h Hashing) withDefaults() Hashing {
	atOnce := cmp.Or(h.AtOnce, max(1, runtime.GOMAXPROCS(0)-1))
	return Hashing{
		MemoryKiB: cmp.Or(h.MemoryKiB, 19456),
		Passes:    cmp.Or(h.Passes, 2),
		Lanes:     cmp.Or(h.Lanes, 1),
		AtOnce:    atOnce,
		Waiting:   cmp.Or(h.Waiting, 32*atOnce),
	}
}

const (
	saltBytes = 16
	keyBytes  = 32

	// A stored hash may have been imported. These bounds limit what checking it costs. They allow the second recommendation
	// of RFC 9106, the most expensive one in common use.
	maxMemoryKiB = 64 << 10
	maxPasses    = 16
	maxLanes     = 16
	maxKeyBytes  = 64
)

// phc is a parsed password hash. Its text is a PHC string (https://github.com/P-H-C/phc-string-format), which includes the
// cost.
type phc struct {
	memoryKiB, passes uint32
	lanes             uint8
	salt, key         []byte
}

func (p phc) String() string {
	b64 := base64.RawStdEncoding
	return fmt.Sprintf("$argon2id$v=%d$m=%d,t=%d,p=%d$%s$%s", argon2.Version,
		p.memoryKiB, p.passes, p.lanes, b64.EncodeToString(p.salt), b64.EncodeToString(p.key))
}

func parsePHC(s string) (phc, error) {
	parts := strings.Split(s, "$")
	if len(parts) != 6 || parts[0] != "" || parts[1] != "argon2id" || parts[2] != fmt.Sprintf("v=%d", argon2.Version) {
		return phc{}, errors.New("the password hash is not of argon2id, version 19")
	}
	var p phc
	if _, err := fmt.Sscanf(parts[3], "m=%d,t=%d,p=%d", &p.memoryKiB, &p.passes, &p.lanes); err != nil {
		return phc{}, fmt.Errorf("the cost of the password hash: %w", err)
	}
	var saltErr, keyErr error
	p.salt, saltErr = base64.RawStdEncoding.DecodeString(parts[4])
	p.key, keyErr = base64.RawStdEncoding.DecodeString(parts[5])
	if err := errors.Join(saltErr, keyErr); err != nil {
		return phc{}, fmt.Errorf("the password hash: %w", err)
	}
	if !p.bearable() {
		return phc{}, errors.New("the cost of the password hash is out of bounds")
	}
	if p.String() != s {
		return phc{}, errors.New("the password hash is not written as a PHC string")
	}
	return p, nil
}

func (p phc) bearable() bool {
	return p.passes >= 1 && p.passes <= maxPasses && p.lanes >= 1 && p.lanes <= maxLanes &&
		p.memoryKiB >= 8*uint32(p.lanes) && p.memoryKiB <= maxMemoryKiB &&
		len(p.salt) >= 8 && len(p.key) >= 16 && len(p.key) <= maxKeyBytes
}

// derive returns the key of a password under the cost and the salt of p.
func (p phc) derive(password string) []byte {
	return argon2.IDKey([]byte(password), p.salt, p.passes, p.memoryKiB, p.lanes, uint32(len(p.key)))
}

// hasher makes and checks password hashes, a bounded number at a time: each takes tens of megabytes and of milliseconds of a
// processor, so that a flood of sign-ins could exhaust both.
type hasher struct {
	cost  Hashing
	turns *turns
}

func newHasher(cost Hashing) *hasher {
	cost = cost.withDefaults()
	return &hasher{cost: cost, turns: newTurns(cost.AtOnce, cost.Waiting)}
}

// blank is a hash of the configured cost whose salt and key are zeroes.
func (h *hasher) blank() phc {
	return phc{h.cost.MemoryKiB, h.cost.Passes, h.cost.Lanes, make([]byte, saltBytes), make([]byte, keyBytes)}
}

// hash returns the PHC string of a password under a new salt.
func (h *hasher) hash(ctx context.Context, from Origin, password string) (string, error) {
	if err := h.turns.begin(ctx, from); err != nil {
		return "", err
	}
	defer h.turns.end()
	p := h.blank()
	rand.Read(p.salt) // never fails: crypto/rand ends the program instead
	p.key = p.derive(password)
	return p.String(), nil
}

// check reports whether stored is the hash of the password, and whether it is weaker than the configured cost. An empty
// stored hash matches no password, and takes as long to check.
func (h *hasher) check(ctx context.Context, from Origin, password, stored string) (match, weak bool, err error) {
	p := h.blank()
	if stored != "" {
		if p, err = parsePHC(stored); err != nil {
			return false, false, err
		}
	}
	if err := h.turns.begin(ctx, from); err != nil {
		return false, false, err
	}
	defer h.turns.end()
	match = subtle.ConstantTimeCompare(p.derive(password), p.key) == 1 && stored != ""
	return match, h.weak(p), nil
}

// weak reports whether p fills less memory over all passes than the configured cost. That is what an attacker pays for.
func (h *hasher) weak(p phc) bool {
	return uint64(p.memoryKiB)*uint64(p.passes) < uint64(h.cost.MemoryKiB)*uint64(h.cost.Passes)
}
