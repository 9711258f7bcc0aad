package analytics

// Tick is a record that closes an epoch. Ticks are numbered over all partitions, and each partition gets each tick. A tick
// that is not above the ones before it says nothing.
type Tick struct {
	Epoch int64
	At    Micros // when it was made, by the clock of the server that made it
}

// Append appends the tick as a record of the log.
func (t Tick) Append(to []byte) []byte {
	start := len(to)
	to = append(to, codecVersion, byte(TickRecord), 0, 0, 0, 0)
	to = little.AppendUint64(to, uint64(t.Epoch))
	to = little.AppendUint64(to, uint64(t.At))
	return seal(to, start)
}

// DecodeTick reads the body of a tick record, as KindOf returns it.
func DecodeTick(body []byte) (Tick, error) {
	r := reader{data: body}
	t := Tick{Epoch: int64(r.uint64()), At: Micros(r.uint64())}
	if r.err != nil || len(r.data) > 0 {
		return Tick{}, ErrDamaged("it is no tick")
	}
	return t, nil
}

// Subject is who an erasure removes: the keyed hash of a user's or an anonymous visitor's identifier, so that the record
// and all that follows from it do not hold the identifier itself. See Key.User and Key.Anonymous.
type Subject [2]uint64

// Erasure is a record that removes people. It is appended to each partition. Events of the subjects that come earlier in the
// log go, whatever their time, and so do later ones that are dated before Before.
type Erasure struct {
	Before   Micros
	Subjects []Subject
}

// MaxSubjects is how many subjects an erasure can have.
const MaxSubjects = 1000

// Append appends the erasure as a record of the log.
func (e Erasure) Append(to []byte) []byte {
	start := len(to)
	to = append(to, codecVersion, byte(ErasureRecord), 0, 0, 0, 0)
	return seal(e.append(to), start)
}

func (e Erasure) append(to []byte) []byte {
	to = little.AppendUint64(to, uint64(e.Before))
	to = little.AppendUint16(to, uint16(len(e.Subjects)))
	for _, s := range e.Subjects {
		to = little.AppendUint64(to, s[0])
		to = little.AppendUint64(to, s[1])
	}
	return to
}

// DecodeErasure reads the body of an erasure record, as KindOf returns it.
func DecodeErasure(body []byte) (Erasure, error) {
	r := reader{data: body}
	e := Erasure{Before: Micros(r.uint64())}
	n := int(r.uint16())
	if n > MaxSubjects {
		r.fail(errForm)
	}
	for i := 0; i < n && r.err == nil; i++ {
		e.Subjects = append(e.Subjects, Subject{r.uint64(), r.uint64()})
	}
	if r.err != nil || len(r.data) > 0 {
		return Erasure{}, ErrDamaged("it is no erasure")
	}
	return e, nil
}
