package subscribers

// index finds the subscriptions that an event has to be left with. The hub's lock guards it.
type index[E any] struct {
	everything  *list[E]            // no column decides: these get whole batches
	instanceTag map[string]*list[E] // by the value of the instance tag
	namespace   map[string]*list[E] // by namespace, when there is no instance tag
	size        int
}

// list is the subscriptions under one key. Each knows its slot, so that it leaves in constant time.
type list[E any] struct {
	subscriptions []*Subscription[E]
	group         map[string]*list[E] // the map that has the list, nil for everything
	key           string
}

// newIndex is an empty index.
func newIndex[E any]() index[E] {
	return index[E]{
		everything:  &list[E]{},
		instanceTag: make(map[string]*list[E]),
		namespace:   make(map[string]*list[E]),
	}
}

// add registers a subscription under the most selective column of its filter.
func (x *index[E]) add(s *Subscription[E]) {
	s.list = x.listOf(&s.filter)
	s.slot = len(s.list.subscriptions)
	s.list.subscriptions = append(s.list.subscriptions, s)
	x.size++
}

// remove takes a subscription out. Doing so twice is harmless.
func (x *index[E]) remove(s *Subscription[E]) {
	home := s.list
	if home == nil {
		return
	}
	s.list = nil
	x.size--

	last := len(home.subscriptions) - 1
	moved := home.subscriptions[last]
	home.subscriptions[s.slot], home.subscriptions[last] = moved, nil
	moved.slot = s.slot
	home.subscriptions = home.subscriptions[:last]
	if last == 0 && home.group != nil {
		delete(home.group, home.key)
	}
}

// all yields every subscription, in no order.
func (x *index[E]) all(yield func(*Subscription[E]) bool) {
	if !x.everything.all(yield) {
		return
	}
	for _, group := range []map[string]*list[E]{x.instanceTag, x.namespace} {
		for _, list := range group {
			if !list.all(yield) {
				return
			}
		}
	}
}

// all yields the subscriptions of one list and reports whether it came to the end.
func (l *list[E]) all(yield func(*Subscription[E]) bool) bool {
	for _, s := range l.subscriptions {
		if !yield(s) {
			return false
		}
	}
	return true
}

// listOf is the list for a filter; it is made when there is none yet.
func (x *index[E]) listOf(f *filter) *list[E] {
	switch {
	case f.columns.InstanceTag != nil:
		return keyed(x.instanceTag, f.columns.InstanceTag.Value)
	case f.columns.Namespace != "":
		return keyed(x.namespace, string(f.columns.Namespace))
	default:
		return x.everything
	}
}

// keyed is the list under a key of a group.
func keyed[E any](group map[string]*list[E], key string) *list[E] {
	if group[key] == nil {
		group[key] = &list[E]{group: group, key: key}
	}
	return group[key]
}
