// Keeps what a watching session shows, receives and is told, moment by moment: what can be said
// afterwards of a change of layer is said from it. Moments are milliseconds on the page's clock.

const pollEvery = 200; // ms between two looks at the statistics
const maxShown = 60_000; // frames remembered: half an hour
const maxPolls = 10_000; // likewise
const maxTold = 5_000; // events remembered

// What a poll keeps of the video's statistics, and under which name.
const kept = {
  bytes: 'bytesReceived', headers: 'headerBytesReceived', packets: 'packetsReceived', lost: 'packetsLost',
  repaired: 'retransmittedPacketsReceived', received: 'framesReceived', decoded: 'framesDecoded',
  dropped: 'framesDropped', keyframes: 'keyFramesDecoded', freezes: 'freezeCount', frozen: 'totalFreezesDuration',
  plis: 'pliCount', nacks: 'nackCount', height: 'frameHeight', ssrc: 'ssrc',
  delay: 'jitterBufferDelay', emitted: 'jitterBufferEmittedCount',
};

export class Trace {
  #shown = []; // [when, width, height] of each frame
  #polls = [];
  #told = []; // [when, type, data] of each event

  // onFrame takes what requestVideoFrameCallback says of a frame.
  onFrame({ presentationTime, width, height }) {
    if (this.#shown.length < maxShown) this.#shown.push([presentationTime, width, height]);
  }

  // follow looks at a peer connection's statistics until it is closed.
  follow(pc) {
    const timer = setInterval(async () => {
      if (pc.connectionState === 'closed' || this.#polls.length >= maxPolls) clearInterval(timer);
      else this.#polls.push(poll(await pc.getStats()));
    }, pollEvery);
  }

  // listen notes the events of a session, all that its stream of events has, if there is one.
  async listen(url) {
    if (!url) return;
    const response = await fetch(url, { method: 'POST' });
    if (response.status !== 201) throw new Error(`POST ${url}: status ${response.status}`);
    this.source = new EventSource(new URL(response.headers.get('Location'), url));
    for (const type of ['statistics', 'layers', 'active', 'inactive']) {
      this.source.addEventListener(type, ({ data }) => {
        if (this.#told.length < maxTold) this.#told.push([performance.now(), type, data]);
      });
    }
  }

  stop() {
    this.source?.close();
  }

  // since returns what was noted from a moment on.
  since(from) {
    return {
      now: performance.now(),
      origin: performance.timeOrigin,
      shown: this.#shown.filter(([at]) => at >= from),
      polls: this.#polls.filter(({ at }) => at >= from),
      told: this.#told.filter(([at]) => at >= from).map(([at, type, data]) => ({ at, type, data })),
    };
  }
}

function poll(reports) {
  const found = { at: performance.now() };
  for (const report of reports.values()) {
    if (report.type !== 'inbound-rtp') continue;
    if (report.kind === 'video') {
      for (const [name, theirs] of Object.entries(kept)) found[name] = report[theirs] ?? 0;
    } else {
      Object.assign(found, { sound: report.totalSamplesReceived, concealed: report.concealedSamples });
    }
  }
  return found;
}
