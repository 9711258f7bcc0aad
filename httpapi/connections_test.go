package httpapi

import (
	"errors"
	"io"
	"net"
	"os"
	"testing"
	"testing/synctest"
	"time"

	"agora/telemetry"
)

// TestAClientThatReadsNothingIsCut lets one client read an answer slowly and another one stop reading it.
func TestAClientThatReadsNothingIsCut(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := telemetry.NewMetrics()
		stalled := m.Counter("stalled_total", "Test.")
		const size = 64
		for _, reads := range []int{size, 3} {
			near, far := net.Pipe()
			c := &connection{Conn: near, opened: time.Now(), stalled: stalled, closed: func() {}}
			_ = c.SetWriteDeadline(time.Now().Add(time.Hour))
			go func() {
				one := make([]byte, 1)
				for range reads {
					time.Sleep(stallTimeout - time.Second)
					if _, err := io.ReadFull(far, one); err != nil {
						t.Error(err)
					}
				}
			}()
			n, err := c.Write(make([]byte, size))
			if n != reads || (reads == size) != (err == nil) || err != nil && !errors.Is(err, os.ErrDeadlineExceeded) {
				t.Errorf("of %d bytes, of which the client read %d, Write wrote %d: %v", size, reads, n, err)
			}
			_ = c.Close()
		}
		if n, _ := m.Value("stalled_total"); n != 1 {
			t.Errorf("%v clients are counted as stalled, want 1", n)
		}
	})
}

func TestADeadlineFromOutsideEndsAWrite(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		near, _ := net.Pipe()
		c := &connection{Conn: near, opened: time.Now(), closed: func() {}}
		began := time.Now()
		_ = c.SetWriteDeadline(began.Add(2 * time.Second))
		if _, err := c.Write([]byte("x")); !errors.Is(err, os.ErrDeadlineExceeded) || time.Since(began) != 2*time.Second {
			t.Errorf("Write ended after %v with %v, want it to end at the deadline of 2 s", time.Since(began), err)
		}
		_ = c.SetWriteDeadline(time.Time{})
		began = time.Now()
		go func() {
			time.Sleep(time.Second)
			_ = c.SetWriteDeadline(time.Now())
		}()
		if _, err := c.Write([]byte("x")); !errors.Is(err, os.ErrDeadlineExceeded) || time.Since(began) != time.Second {
			t.Errorf("Write ended after %v with %v, want it to end with the deadline that is set meanwhile", time.Since(began), err)
		}
	})
}

// hookedConn calls a function before its write deadline is set for the first time.
type hookedConn struct {
	net.Conn
	before func()
}

func (c *hookedConn) SetWriteDeadline(t time.Time) error {
	if before := c.before; before != nil {
		c.before = nil
		before()
	}
	return c.Conn.SetWriteDeadline(t)
}

// TestADeadlineIsNotLostToAWriteThatBegins sets a deadline while Write is about to set its own.
func TestADeadlineIsNotLostToAWriteThatBegins(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		near, _ := net.Pipe()
		hooked := &hookedConn{Conn: near}
		c := &connection{Conn: hooked, opened: time.Now(), closed: func() {}}
		hooked.before = func() { _ = c.SetWriteDeadline(time.Unix(1, 0)) }
		began := time.Now()
		if _, err := c.Write([]byte("x")); !errors.Is(err, os.ErrDeadlineExceeded) || time.Since(began) != 0 {
			t.Errorf("Write ended after %v with %v, want it to end at once", time.Since(began), err)
		}
	})
}
