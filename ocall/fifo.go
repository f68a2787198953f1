package ocall

// fifo is a queue: first come, first served. Its zero value is empty.
type fifo[T any] struct {
	all  []T
	from int // what was taken
}

func (q *fifo[T]) len() int { return len(q.all) - q.from }

// waiting is what was not taken, first come first.
func (q *fifo[T]) waiting() []T { return q.all[q.from:] }

func (q *fifo[T]) push(v T) { q.all = append(q.all, v) }

func (q *fifo[T]) take() T {
	var zero T
	first := q.all[q.from]
	q.all[q.from] = zero
	if q.from++; q.from > len(q.all)/2 { // seldom enough that each moves once or twice
		q.keep(q.all[q.from:])
	}
	return first
}

// keep has only those wait that are left, some of those that did.
func (q *fifo[T]) keep(left []T) {
	n := copy(q.all, left)
	clear(q.all[n:])
	q.all, q.from = q.all[:n], 0
}
