package rtc

// Close ends the peer: it sends close_notify, stops answering checks, forgets the
// credentials, tells the handler Closed, and waits for the peer's goroutines.
// After it no callback comes and writes fail with ErrClosed. Never call it from a
// Handler. Further calls wait for the first.
func (p *Peer) Close() error {
	p.beginClose()
	<-p.done
	return nil
}

// fail tells the handler Failed and closes the peer. It does not wait.
func (p *Peer) fail() {
	p.failOnce.Do(func() {
		p.transport.wg.Go(func() {
			p.notify(Failed)
			p.beginClose()
		})
	})
}

// beginClose closes the peer without waiting.
func (p *Peer) beginClose() {
	p.closeOnce.Do(func() { p.transport.wg.Go(p.shutdown) })
}

// shutdown takes the peer down from the top: DTLS while it can still say so, then
// media, the agents, and what the mux knows of it.
func (p *Peer) shutdown() {
	p.mu.Lock()
	p.closing = true
	current, next, secured := p.current, p.next, p.dtls
	p.mu.Unlock()
	p.cancel()
	if secured != nil {
		_ = secured.Close()
	}
	p.stopMedia()
	_ = current.agent.GracefulClose()
	if next != nil {
		_ = next.agent.GracefulClose()
	}
	p.transport.mux.remove(p.session)
	p.wg.Wait()
	p.transport.forget(p)
	p.notify(Closed)
	close(p.done)
}

// stopMedia ends writes, and callbacks with packets.
func (p *Peer) stopMedia() {
	p.outClosed.Store(true)
	p.inMu.Lock()
	defer p.inMu.Unlock()
	p.in, p.inClosed = nil, true
	for _, pk := range p.early {
		p.transport.mux.pool.put(pk)
	}
	p.early = nil
}
