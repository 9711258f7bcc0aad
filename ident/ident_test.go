package ident_test

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"agora/ident"
)

func TestNewSortsByTime(t *testing.T) {
	random := bytes.Repeat([]byte{0xff}, 20)
	early := ident.At(ident.Order, time.UnixMilli(1000), bytes.NewReader(random[:10]))
	late := ident.At(ident.Order, time.UnixMilli(1001), bytes.NewReader(make([]byte, 10)))
	if early >= late {
		t.Errorf("%s (made at 1000 ms) does not sort before %s (1001 ms)", early, late)
	}
}

func TestAtIsDeterministic(t *testing.T) {
	seed := []byte("0123456789")
	a := ident.At(ident.User, time.UnixMilli(5), bytes.NewReader(seed))
	b := ident.At(ident.User, time.UnixMilli(5), bytes.NewReader(seed))
	if a != b {
		t.Errorf("the same source gave %s and %s", a, b)
	}
}

func TestCheck(t *testing.T) {
	good := ident.New(ident.Product)
	if err := ident.Check(ident.Product, good); err != nil {
		t.Fatalf("Check(%s) = %v", good, err)
	}
	for _, bad := range []string{
		"", "prd_", "prd", good[4:], "ord_" + good[4:], good + "0", good[:len(good)-1],
		strings.ToUpper(good), "prd_" + strings.ToUpper(good[4:]), "prd_" + strings.Repeat("u", 26), "prd_8" + good[5:],
	} {
		if err := ident.Check(ident.Product, bad); err == nil {
			t.Errorf("Check accepts %q", bad)
		}
	}
}

func TestPackKeepsTheIdentifierAndItsOrder(t *testing.T) {
	early := ident.At(ident.User, time.UnixMilli(1000), bytes.NewReader(bytes.Repeat([]byte{0xff}, 10)))
	late := ident.At(ident.User, time.UnixMilli(1001), bytes.NewReader(make([]byte, 10)))
	var packed [][]byte
	for _, id := range []string{early, late} {
		p, err := ident.Pack(ident.User, id)
		if err != nil || len(p) != 16 {
			t.Fatalf("Pack(%s) = %d bytes, %v; want 16", id, len(p), err)
		}
		if got, err := ident.Unpack(ident.User, p); err != nil || got != id {
			t.Errorf("Unpack = %s, %v; want %s", got, err, id)
		}
		packed = append(packed, p)
	}
	if bytes.Compare(packed[0], packed[1]) >= 0 {
		t.Error("the packed identifiers do not sort as the identifiers do")
	}
	if _, err := ident.Pack(ident.Order, early); err == nil {
		t.Error("Pack takes an identifier of another kind")
	}
	if _, err := ident.Unpack(ident.User, packed[0][:15]); err == nil {
		t.Error("Unpack takes 15 bytes")
	}
}

func FuzzCheck(f *testing.F) {
	f.Add(ident.New(ident.Product))
	f.Add("prd_")
	f.Fuzz(func(t *testing.T, s string) {
		if ident.Check(ident.Product, s) == nil && len(s) != len("prd_")+26 {
			t.Errorf("accepted %q", s)
		}
	})
}

func TestPartitionIsStableAndEven(t *testing.T) {
	// Stored data depends on the function: a change of it is a migration.
	if got := ident.Partition("usr_1", 1024); got != 227 {
		t.Errorf("Partition(usr_1, 1024) = %d, want 227", got)
	}
	const keys, n = 16_000, 16
	var count [n]int
	for i := range keys {
		id := ident.At(ident.User, time.UnixMilli(int64(i)), bytes.NewReader(make([]byte, 10)))
		packed, err := ident.Pack(ident.User, id)
		if err != nil {
			t.Fatal(err)
		}
		p := ident.Partition(id, n)
		if got, err := ident.PartitionPacked(ident.User, packed, n); err != nil || got != p {
			t.Fatalf("PartitionPacked(%s) = %d, %v; want %d", id, got, err, p)
		}
		count[p]++
	}
	for p, c := range count {
		if c < keys/n*8/10 || c > keys/n*12/10 {
			t.Errorf("partition %d holds %d keys, want about %d", p, c, keys/n)
		}
	}
}
