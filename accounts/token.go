package accounts

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/base32"
	"strings"
)

const (
	tokenPrefix = "agora_" // lets scanners of leaked secrets recognise one
	tokenBytes  = 32
)

// tokenEncoding has no characters that end a word, so that a double click selects a token whole.
var tokenEncoding = base32.NewEncoding("abcdefghijklmnopqrstuvwxyz234567").WithPadding(base32.NoPadding)

// tokenLength is that of a whole token: 58 characters.
var tokenLength = len(tokenPrefix) + tokenEncoding.EncodedLen(tokenBytes)

// TokenHash is the SHA-256 of a token: all that is stored of it. A fast hash is enough, since nobody
// guesses 256 random bits.
type TokenHash [sha256.Size]byte

// newToken returns a new token and its hash.
func newToken() (string, TokenHash) {
	var secret [tokenBytes]byte
	rand.Read(secret[:]) // never fails: crypto/rand ends the program instead
	token := tokenPrefix + tokenEncoding.EncodeToString(secret[:])
	return token, sha256.Sum256([]byte(token))
}

// hashToken returns the hash of what a caller presents as a token, and whether it looks like one at all,
// so that rubbish is refused without a look into the store.
func hashToken(token string) (TokenHash, bool) {
	if len(token) != tokenLength || !strings.HasPrefix(token, tokenPrefix) {
		return TokenHash{}, false
	}
	return sha256.Sum256([]byte(token)), true
}
