package analytics

import "time"

// removal is what an erasure says of one subject.
type removal struct {
	check  uint64 // the second half of the subject
	at     Offset // of the erasure
	before Micros
}

// removals are the erasures of a partition by the first half of their subjects.
type removals map[uint64][]removal

func (r removals) add(e *placedErasure) {
	for _, s := range e.Subjects {
		r[s[0]] = append(r[s[0]], removal{s[1], e.at, e.Before})
	}
}

// of returns the removals of each value of a dictionary, or nil if there is none.
func (r removals) of(d *Dictionary, subject func([]byte) Subject) [][]removal {
	var all [][]removal
	for i := range d.Values.Len() {
		text := d.Values.At(i)
		if len(text) == 0 {
			continue
		}
		s := subject(text)
		for _, one := range r[s[0]] {
			if one.check != s[1] {
				continue
			}
			if all == nil {
				all = make([][]removal, d.Values.Len())
			}
			all[i] = append(all[i], one)
		}
	}
	return all
}

// each calls drop with the rows of a batch that one of the removals is about for which applies holds.
func (r removals) each(key *Key, b *Batch, applies func(removal, Micros) bool, drop func(row int)) {
	if len(r) == 0 {
		return
	}
	users, visitors := r.of(&b.Users, key.user), r.of(&b.Anonymous, key.anonymous)
	if users == nil && visitors == nil {
		return
	}
	for row, at := range b.Times {
		var of []removal
		if users != nil {
			of = users[b.Users.Index[row]]
		}
		if visitors != nil {
			of = append(of[:len(of):len(of)], visitors[b.Anonymous.Index[row]]...)
		}
		for _, one := range of {
			if applies(one, at) {
				drop(row)
				break
			}
		}
	}
}

func (p *part) addErasure(e *placedErasure) {
	p.erasures = append(p.erasures, *e)
	p.removals.add(e)
}

// erasure folds an erasure: it drops the events of the next file that it names. Those of earlier files go when the files
// are rewritten.
func (p *part) erasure(body []byte) error {
	e, err := DecodeErasure(body)
	if err != nil {
		return err
	}
	placed := &placedErasure{e, p.state.Next}
	if p.again == nil {
		p.addErasure(placed)
		p.delta.erasures = append(p.delta.erasures, *placed)
	}
	these := removals{}
	these.add(placed)
	for _, h := range p.heldFrom(p.state.CutFrom) {
		key := LineKey{h.batch.Source, h.batch.Arrival.Floor(time.Minute)}
		these.each(&p.rules.Key, h.batch, func(removal, Micros) bool { return true }, func(row int) {
			if h.drop(row) && !h.isKnown(row) && p.again == nil {
				p.line(key).Erased++
			}
		})
	}
	return nil
}

// eraseArriving drops the events of a batch that earlier erasures are about. A phone that wakes up sends what it recorded
// before its owner was erased.
func (p *part) eraseArriving(h *heldBatch) {
	p.removals.each(&p.rules.Key, h.batch,
		func(r removal, at Micros) bool { return r.at < h.at && at < r.before },
		func(row int) { h.drop(row) })
}
