/**
 * A worker that ticks: timers of workers keep their pace in a page nobody looks at.
 * Send the interval in milliseconds; a new one replaces the old one.
 */
let timer = 0;

self.addEventListener('message', ({ data }) => {
  clearInterval(timer);
  timer = setInterval(() => self.postMessage(0), data);
});
