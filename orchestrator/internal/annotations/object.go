// SPDX-FileCopyrightText: The mlperf-ssd authors
// SPDX-License-Identifier: Apache-2.0

package annotations

import "bytes"

// rule says what becomes of the value of a key, which is given with its quotes: it is kept, replaced by
// a text, or, with neither, dropped together with the key.
type rule func(key []byte) (keep bool, text string)

func keepAll([]byte) (bool, string) { return true, "" }

// object reads an object and appends to out what the rule leaves of it. Of a key that stands twice the
// last value counts, in the first one's place, as in a dict of Python.
func (s *scanner) object(out []byte, p layout, level int, r rule) ([]byte, error) {
	if err := s.open('{'); err != nil {
		return out, err
	}
	start := len(out)
	set := s.members()
	out = append(out, '{')
	for first := true; ; first = false {
		more, err := s.more('}', first)
		if err != nil {
			return out, err
		}
		if !more {
			break
		}
		begin := len(out)
		out = p.item(out, level+1, len(set.members) == 0)
		m := member{from: len(out)}
		if out, err = s.text(out); err != nil {
			return out, err
		}
		m.to = len(out)
		if err := s.expect(':'); err != nil {
			return out, err
		}
		keep, text := r(out[m.from:m.to])
		out = p.colon(out)
		m.value = len(out)
		if out, err = s.value(out, keep, p, level+1); err != nil {
			return out, err
		}
		if !keep && text == "" {
			out = out[:begin]
			continue
		}
		out = append(out, text...)
		m.end = len(out)
		set.add(out, m)
	}
	if set.twice {
		out = set.rewrite(out, start, p, level)
	}
	return p.close(out, '}', level, len(set.members) == 0), nil
}

// members gives the empty set of the object that is being read.
func (s *scanner) members() *set {
	for len(s.sets) <= s.depth {
		s.sets = append(s.sets, &set{})
	}
	chosen := s.sets[s.depth]
	chosen.members, chosen.places, chosen.twice = chosen.members[:0], nil, false
	return chosen
}

// member says where a key and its value stand in what was written.
type member struct{ from, to, value, end int }

// set holds the members of one object.
type set struct {
	members []member
	places  map[string]int // of keys in members, when there are many
	twice   bool
}

func (s *set) add(out []byte, m member) {
	const many = 16
	key := out[m.from:m.to]
	if len(s.members) == many && s.places == nil {
		s.places = map[string]int{}
		for i, other := range s.members {
			s.places[string(out[other.from:other.to])] = i
		}
	}
	at, found := s.places[string(key)]
	for i := 0; s.places == nil && i < len(s.members) && !found; i++ {
		other := s.members[i]
		at, found = i, bytes.Equal(out[other.from:other.to], key)
	}
	if found {
		s.members[at].value, s.members[at].end = m.value, m.end
		s.twice = true
		return
	}
	if s.places != nil {
		s.places[string(key)] = len(s.members)
	}
	s.members = append(s.members, m)
}

// rewrite writes the members from start on once more, each once.
func (s *set) rewrite(out []byte, start int, p layout, level int) []byte {
	old := bytes.Clone(out[start:])
	out = append(out[:start], '{')
	for i, m := range s.members {
		out = p.item(out, level+1, i == 0)
		out = append(out, old[m.from-start:m.to-start]...)
		out = append(p.colon(out), old[m.value-start:m.end-start]...)
	}
	return out
}
