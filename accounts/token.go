package accounts

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/base32"
	"strings"
)

const (
	tokenPrefix = "agora_" // by which scanners recognise leaked tokens
	tokenBytes  = 32
)

// tokenEncoding has no characters that end a word, so that a double click selects a whole token.
var tokenEncoding = base32.NewEncoding("abcdefghijklmnopqrstuvwxyz234567").WithPadding(base32.NoPadding)

// tokenLength is the length of a token: 58 characters.
var tokenLength = len(tokenPrefix) + tokenEncoding.EncodedLen(tokenBytes)

// TokenHash is the SHA-256 of a token, which is stored in place of the token. A fast hash is enough, because nobody can guess
// 256 random bits.
type TokenHash [sha256.Size]byte

// newToken returns a new token and its hash.
func newToken() (string, TokenHash) {
	var secret [tokenBytes]byte
	rand.Read(secret[:]) // never fails: crypto/rand ends the program instead
	token := tokenPrefix + tokenEncoding.EncodeToString(secret[:])
	return token, sha256.Sum256([]byte(token))
}

// hashToken returns the hash of a token, and whether it has the form of one. A text of another form is refused without reading
// the store.
func hashToken(token string) (TokenHash, bool) {
	if len(token) != tokenLength || !strings.HasPrefix(token, tokenPrefix) {
		return TokenHash{}, false
	}
	return sha256.Sum256([]byte(token)), true
}
