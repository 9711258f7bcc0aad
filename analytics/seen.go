package analytics

import "math/bits"

// seen holds the fingermarks that occurred in the latest generations. The table has buckets of the size of a cache line:
//
//	seven fingermarks of 8 bytes, the generation of each in a byte, and how many that belong here are in a later bucket
//
// A fingerprint is in the bucket of its upper bits, or in one of the next. It is never confirmed: among 25 million, one
// new identifier in 7e11 is taken for a known one.
//
// Each occurrence counts, not only the first. So what is in the table follows from the log since its oldest generation
// began, and nothing has to be stored.
type seen struct {
	buckets []bucket
	shift   uint // of a fingerprint, for its bucket
	used    int  // slots with a generation, live or not
	now     uint64
	fresh   int  // fingermarks of the generation now
	touched byte // keeps the loads of add in the program
}

const bucketSlots = 7

type bucket struct {
	marks   [bucketSlots]uint64
	ages    [bucketSlots]byte // 0: empty
	crossed byte              // 255: that many or more
}

// liveGenerations is how many generations count, with the one that is being filled.
const liveGenerations = 5

func newSeen() *seen {
	s := &seen{}
	s.resize(6)
	return s
}

func (s *seen) resize(bits uint) {
	s.buckets, s.shift = make([]bucket, 1<<bits), 64-bits
}

// tag is what a slot has of a generation.
func tag(generation uint64) byte { return byte(generation%255) + 1 }

func (s *seen) live(age byte) bool {
	return age != 0 && (uint64(tag(s.now))+255-uint64(age))%255 < liveGenerations
}

// begin begins a generation: from now on the oldest one does not count.
func (s *seen) begin() {
	s.now++
	s.fresh = 0
	s.sweep()
}

// sweep empties the slots of generations that do not count any more.
func (s *seen) sweep() {
	for i := range s.buckets {
		b := &s.buckets[i]
		for j, age := range b.ages {
			if age == 0 || s.live(age) {
				continue
			}
			b.ages[j] = 0
			s.used--
			for home := s.home(b.marks[j]); home != i; home = (home + 1) & (len(s.buckets) - 1) {
				if c := &s.buckets[home].crossed; *c != 255 {
					*c--
				}
			}
		}
	}
}

func (s *seen) home(mark uint64) int { return int(mark >> s.shift) }

// probe is how many fingermarks are looked up together, so that the processor waits for all their buckets at once.
const probe = 32

// add adds fingermarks, and sets in known the bit of each that occurred before, also if earlier among marks.
func (s *seen) add(marks []uint64, known []uint64) {
	s.reserve(len(marks))
	touched := byte(0)
	for start := 0; start < len(marks); start += probe {
		group := marks[start:min(start+probe, len(marks))]
		for _, mark := range group {
			touched |= s.buckets[mark>>s.shift].crossed
		}
		for i, mark := range group {
			if s.insert(mark) {
				known[(start+i)/64] |= 1 << ((start + i) % 64)
			}
		}
	}
	s.touched = touched
}

// insert adds one fingerprint, and reports whether it occurred before.
func (s *seen) insert(mark uint64) bool {
	i := int(mark >> s.shift)
	for {
		b := &s.buckets[i]
		for j := range b.marks {
			if b.marks[j] == mark && b.ages[j] != 0 {
				return s.renew(b, j)
			}
		}
		if b.crossed == 0 {
			break
		}
		i = (i + 1) & (len(s.buckets) - 1)
	}
	s.fresh++
	s.place(mark, tag(s.now))
	return false
}

// renew gives a slot the generation now.
func (s *seen) renew(b *bucket, slot int) bool {
	if now := tag(s.now); b.ages[slot] != now {
		s.fresh++
		b.ages[slot] = now
	}
	return true
}

// place puts a fingerprint into the first empty slot from its bucket on.
func (s *seen) place(mark uint64, age byte) {
	for i := s.home(mark); ; i = (i + 1) & (len(s.buckets) - 1) {
		b := &s.buckets[i]
		for j := range b.ages {
			if b.ages[j] == 0 {
				b.marks[j], b.ages[j] = mark, age
				s.used++
				return
			}
		}
		if b.crossed != 255 {
			b.crossed++
		}
	}
}

// reserve makes room for n more. At most three quarters of the slots are used.
func (s *seen) reserve(n int) {
	slots := len(s.buckets) * bucketSlots
	if (s.used+n)*4 <= slots*3 {
		return
	}
	old := s.buckets
	s.resize(uint(bits.Len64(uint64((s.used+n)*4/3/bucketSlots))) + 1)
	s.used = 0
	for i := range old {
		for j, age := range old[i].ages {
			if age != 0 {
				s.place(old[i].marks[j], age)
			}
		}
	}
}
