package redis

import "time"

// SetPatience makes later caches, sessions and limiters of the server wait longer for an answer than they do outside of tests.
func (s *Server) SetPatience(d time.Duration) { s.patience = d }
