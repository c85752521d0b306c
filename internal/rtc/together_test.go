package rtc

import (
	"sync"
	"testing"
	"testing/synctest"
)

// TestAWriterAndItsPeerWriteRTCPTogether: what a link's shard reports and what the link has to say for
// itself come from two goroutines. Both arrive, all of it: none is sealed with the index of another,
// which would be taken for a replay.
func TestAWriterAndItsPeerWriteRTCPTogether(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const each = 200 // a socket of the virtual network holds 1,024
		w := newSlowWorld(t, 0)
		there := w.other("198.51.100.3")
		c := w.couple(there, nil)
		c.heard.waitState(t, Connected)
		c.heardBack.waitState(t, Connected)
		batch := w.transport.NewBatch()
		writer, packet := c.answers.Writer(batch), []byte{2 << 6, 201, 0, 1, 0, 0, 0, 5}
		var both sync.WaitGroup
		for _, write := range []func() error{
			func() error { err := writer.WriteRTCP(packet); batch.Flush(); return err },
			func() error { return c.answers.WriteRTCP(packet) },
		} {
			both.Go(func() {
				for range each {
					if err := write(); err != nil {
						t.Error(err)
					}
				}
			})
		}
		both.Wait()
		c.heard.wait(t, "all of it", func() bool { return len(c.heard.rtcp) == 2*each })
		must(t, c.offers.Close())
		must(t, c.answers.Close())
		must(t, there.Close())
		w.close()
	})
}
