package writer_test

// waiter is the caller behind a waiting claim, as strict as the one of the engine.
type waiter struct {
	taken   bool
	leaving bool // it wants an answer and does not wait on
	gone    bool // it left before it was taken
}

func (w *waiter) Take() bool {
	if w.taken || w.gone {
		return false
	}
	w.taken = true
	return true
}

func (w *waiter) PutBack() bool {
	if !w.taken || w.leaving {
		return false
	}
	w.taken = false
	return true
}
