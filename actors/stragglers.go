package actors

// mostSkipped is how many commits in a row do not wait for stragglers, at most.
const mostSkipped = 31

// stragglers decides whether a batch that could commit gives callers that are under way one more turn to join it. That
// saves syncs when they come, as the many callers of a busy engine do; it only costs time when nobody does. So each turn
// that nobody used makes more of the next batches go without.
type stragglers struct {
	barren int // the turns to leave out since the last that brought somebody
	skip   int // of them, still to leave out
	before int // the size of the batch when its turn began
}

// wait reports whether the batch, of the given size, is to wait for callers that are under way.
func (s *stragglers) wait(size, underWay int) bool {
	if size >= underWay {
		return false
	}
	if s.skip > 0 {
		s.skip--
		return false
	}
	s.before = size
	return true
}

// came tells the size of the batch after its turn.
func (s *stragglers) came(size int) {
	if size > s.before {
		s.barren = 0
		return
	}
	s.barren = min(2*s.barren+1, mostSkipped)
	s.skip = s.barren
}
