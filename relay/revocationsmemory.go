package relay

import (
	"cmp"
	"context"
	"maps"
	"slices"
	"time"
)

// A memoryRevoked is what a Memory keeps of revocations. Its mu guards it.
type memoryRevoked struct {
	ledger  ledger
	changed map[subject]int64 // the number of the last change of each
	numbers []int64           // the last that were given
}

// PutRevocations implements [Directory].
func (m *Memory) PutRevocations(ctx context.Context, all []Revocation) error {
	if err := gone(ctx); err != nil {
		return err
	}
	now := m.Now()
	m.mu.Lock()
	news := false
	for _, r := range all {
		news = m.revoked.put(r, now) || news
	}
	m.mu.Unlock()
	if news {
		m.watches.wake(revokedNews)
	}
	return nil
}

func (k *memoryRevoked) put(r Revocation, now time.Time) (news bool) {
	_, news, dropped := k.ledger.put(r, now)
	if !news {
		return false
	}
	number := now.UnixMicro()
	if n := len(k.numbers); n > 0 {
		number = max(number, k.numbers[n-1]+1)
	}
	if k.changed == nil {
		k.changed = map[subject]int64{}
	}
	k.changed[r.about()] = number
	if k.numbers = append(k.numbers, number); len(k.numbers) > maxRevocationNumbers {
		k.numbers = k.numbers[1:]
	}
	for _, d := range dropped {
		delete(k.changed, d.about())
	}
	if len(k.changed) > 2*maxRevocations { // what was over was forgotten without a word
		maps.DeleteFunc(k.changed, func(about subject, _ int64) bool { _, there := k.ledger.all[about]; return !there })
	}
	return true
}

// ReadRevocations implements [Directory].
func (m *Memory) ReadRevocations(ctx context.Context, c RevocationCursor) (RevocationPage, error) {
	if err := gone(ctx); err != nil {
		return RevocationPage{}, err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.revoked.read(c), nil
}

func (k *memoryRevoked) read(c RevocationCursor) RevocationPage {
	var page RevocationPage
	if !c.within && !slices.Contains(k.numbers, c.after) {
		page.Anew, c.after = true, 0
	}
	var list []subject
	for about := range k.ledger.all {
		if k.changed[about] > c.after {
			list = append(list, about)
		}
	}
	slices.SortFunc(list, func(a, b subject) int { return cmp.Compare(k.changed[a], k.changed[b]) })
	page.More = len(list) >= maxRevocationPage
	page.Next = RevocationCursor{after: c.after, within: page.More}
	for _, about := range list[:min(len(list), maxRevocationPage)] {
		page.Revocations = append(page.Revocations, k.ledger.all[about])
		page.Next.after = k.changed[about]
	}
	return page
}

// WatchRevocations implements [Directory].
func (m *Memory) WatchRevocations() (changed <-chan struct{}, stop func()) {
	return m.Watch(revokedNews)
}
