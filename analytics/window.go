package analytics

import (
	"cmp"
	"math"
	"math/bits"
	"slices"
	"time"
)

// WindowLength is how long a window of event time is.
const WindowLength = 5 * time.Minute

// OtherType is the type whose windows have the events of all types that have no windows of their own.
const OtherType = "__other"

// WindowKey names a window.
type WindowKey struct {
	Source SourceID
	Start  Micros
	Type   string
}

func (k WindowKey) compare(other WindowKey) int {
	return cmp.Or(cmp.Compare(k.Source, other.Source), cmp.Compare(k.Start, other.Start), cmp.Compare(k.Type, other.Type))
}

// end returns the first time after the window.
func (k WindowKey) end() Micros { return k.Start + Micros(WindowLength.Microseconds()) }

// Window is what is known of the events of a source, a type and five minutes. Late events count in it.
type Window struct {
	Revision int64 // 0: not published yet
	Events   int64
	Late     int64
	Users    Distinct
	Measures []Measure // of the summed columns, by column and kind
}

// Measure is a summed column of a window.
type Measure struct {
	Column uint16
	Kind   Kind
	Count  int64 // of events that have a value
	Sum    Sum
	Min    int64
	Max    int64
}

// Sum is an integer of 128 bits, so that a sum is the same in whatever order it is added up, and never overflows.
type Sum struct {
	High int64
	Low  uint64
}

// Add adds a number.
func (s *Sum) Add(v int64) { s.add(v>>63, uint64(v)) }

func (s *Sum) add(high int64, low uint64) {
	var carry uint64
	s.Low, carry = bits.Add64(s.Low, low, 0)
	s.High += high + int64(carry)
}

// measure returns the measure of a column, which it adds if need be.
func (w *Window) measure(column uint16, kind Kind) *Measure {
	for i := range w.Measures {
		if m := &w.Measures[i]; m.Column == column && m.Kind == kind {
			return m
		}
	}
	m := Measure{Column: column, Kind: kind, Min: math.MaxInt64, Max: math.MinInt64}
	i, _ := slices.BinarySearchFunc(w.Measures, m, func(a, b Measure) int {
		return cmp.Or(cmp.Compare(a.Column, b.Column), cmp.Compare(a.Kind, b.Kind))
	})
	w.Measures = slices.Insert(w.Measures, i, m)
	return &w.Measures[i]
}

func (m *Measure) add(v int64) {
	m.Count++
	m.Sum.Add(v)
	m.Min, m.Max = min(m.Min, v), max(m.Max, v)
}

// merge adds what other has.
func (w *Window) merge(other *Window) {
	w.Events += other.Events
	w.Late += other.Late
	w.Users.merge(&other.Users)
	for i := range other.Measures {
		from := &other.Measures[i]
		w.measure(from.Column, from.Kind).merge(from)
	}
}

func (m *Measure) merge(other *Measure) {
	m.Count += other.Count
	m.Sum.add(other.Sum.High, other.Sum.Low)
	m.Min, m.Max = min(m.Min, other.Min), max(m.Max, other.Max)
}

// Distinct estimates how many different users there are: HyperLogLog (Flajolet et al., 2007) with 2,048 registers, an error
// of about 2.3 %. It holds nothing that tells who they are. While they are few it has a list of the registers that are not 0.
type Distinct struct {
	few       []uint32 // the number of a register times 256 and its rank; unordered, may repeat
	registers []byte   // nil while few is enough
}

const (
	distinctBits = 11
	distinctSize = 1 << distinctBits
	distinctFew  = 64
	distinctRank = 64 - distinctBits + 1 // the highest
)

// add adds a hash.
func (d *Distinct) add(hash uint64) {
	register := uint32(hash >> (64 - distinctBits))
	d.set(register, byte(bits.LeadingZeros64(hash<<distinctBits|1<<(distinctBits-1)))+1)
}

// set raises a register to a rank.
func (d *Distinct) set(register uint32, rank byte) {
	if d.registers != nil {
		d.registers[register] = max(d.registers[register], rank)
		return
	}
	d.few = append(d.few, register<<8|uint32(rank))
	if len(d.few) >= 2*distinctFew {
		d.normal()
	}
}

// spread uses registers from now on.
func (d *Distinct) spread() {
	d.registers = make([]byte, distinctSize)
	for _, v := range d.few {
		d.registers[v>>8] = max(d.registers[v>>8], byte(v))
	}
	d.few = nil
}

func (d *Distinct) merge(other *Distinct) {
	if other.registers == nil {
		for _, v := range other.few {
			d.set(v>>8, byte(v))
		}
		return
	}
	if d.registers == nil {
		d.spread()
	}
	for i, rank := range other.registers {
		d.registers[i] = max(d.registers[i], rank)
	}
}

// normal brings d into the one form that its set of users has: a list in order if it is shorter than distinctFew, else
// registers.
func (d *Distinct) normal() {
	if d.registers != nil {
		return
	}
	slices.Sort(d.few)
	n := 0
	for i, v := range d.few {
		if i+1 < len(d.few) && d.few[i+1]>>8 == v>>8 {
			continue // the next one has the higher rank
		}
		d.few[n] = v
		n++
	}
	if d.few = d.few[:n]; n >= distinctFew {
		d.spread()
	}
}

// Count returns the estimate.
func (d *Distinct) Count() int64 {
	d.normal()
	sum, zeros := 0.0, 0
	for _, rank := range d.registers {
		sum += 1 / float64(uint64(1)<<rank)
		if rank == 0 {
			zeros++
		}
	}
	if d.registers == nil {
		zeros = distinctSize - len(d.few)
	}
	const m = float64(distinctSize)
	if estimate := 0.7213 / (1 + 1.079/m) * m * m / sum; d.registers != nil && (estimate > 2.5*m || zeros == 0) {
		return int64(math.Round(estimate))
	}
	return int64(math.Round(m * math.Log(m/float64(zeros))))
}
