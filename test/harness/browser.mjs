// Drives Chromium for the Go tests: one JSON command a line on standard input, one JSON reply a
// line on standard output, in any order, matched by id. Ends when standard input closes.
//
//   {"id":1,"do":"open","url":"http://…","view":{"width":1280,"height":720}} → {"id":1,"value":"1"}
//   {"id":2,"do":"call","page":"1","script":"async arg => …","arg":{…},"ms":5000} → {"id":2,"value":…}
//   {"id":3,"do":"screenshot","page":"1","path":"a.png"}
//   {"id":4,"do":"close","page":"1"}
//   {"id":5,"do":"requests","page":"1"} → {"id":5,"value":["GET http://…","POST http://…"]}
//
// A failed command replies {"id":…,"error":"…"}. Console messages and uncaught errors of pages
// go to standard error.

import { createInterface } from 'node:readline';
import { chromium } from 'playwright-core';

const flags = [
  '--headless=new', '--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run',
  // This machine may have no network: nothing the browser does by itself may wait for one.
  '--disable-background-networking', '--disable-component-update', '--disable-sync',
  '--use-fake-device-for-media-stream=fps=30', '--use-fake-ui-for-media-stream',
  '--autoplay-policy=no-user-gesture-required',
  '--allow-loopback-in-peer-connection',
  // Publishing and watching pages are all visible to their user.
  '--disable-background-timer-throttling', '--disable-renderer-backgrounding',
  '--disable-backgrounding-occluded-windows',
];

// Chromium names packets it throws away unread in its log alone.
if (process.env.CHROMIUM_LOG) flags.push('--enable-logging', `--log-file=${process.env.CHROMIUM_LOG}`);

const defaultTimeout = 30_000; // ms, of one command

const browser = await chromium.launch({
  executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium',
  args: flags,
  headless: true,
});

const pages = new Map(); // id → Page, with the requests it made as requested
const maxRequested = 10_000; // remembered requests of one page
let lastPage = 0;

// Each page has a context of its own: no storage or permission is shared.
async function open({ url, view, colorScheme, mobile }) {
  const context = await browser.newContext({
    viewport: view ?? { width: 1280, height: 720 },
    colorScheme: colorScheme ?? 'light',
    isMobile: mobile ?? false,
    permissions: ['camera', 'microphone'],
    ignoreHTTPSErrors: true, // the proxy's certificate is made for its test
  });
  const page = await context.newPage();
  const id = String(++lastPage);
  page.on('console', message => console.error(`page ${id}: ${message.type()}: ${message.text()}`));
  page.on('pageerror', error => console.error(`page ${id}: uncaught: ${error}`));
  page.requested = [];
  page.on('request', request => {
    if (page.requested.length < maxRequested) page.requested.push(`${request.method()} ${request.url()}`);
  });
  await page.goto(url, { waitUntil: 'load' });
  pages.set(id, page);
  return id;
}

function find(id) {
  const page = pages.get(id);
  if (!page) throw new Error(`no page ${id}`);
  return page;
}

async function close({ page: id }) {
  const page = find(id);
  pages.delete(id);
  await page.context().close();
}

const commands = {
  open,
  close,
  // The script is the source of a function of one argument; its promise is awaited.
  call: ({ page, script, arg }) => find(page).evaluate(
    ([source, value]) => (0, eval)(`(${source})`)(value), [script, arg ?? null]),
  screenshot: async ({ page, path }) => { await find(page).screenshot({ path }); },
  requests: async ({ page }) => find(page).requested,
};

function within(ms, promise, what) {
  let timer;
  const late = new Promise((_, reject) => {
    timer = setTimeout(() => reject(new Error(`${what} took more than ${ms} ms`)), ms);
  });
  return Promise.race([promise, late]).finally(() => clearTimeout(timer));
}

function reply(message) {
  process.stdout.write(`${JSON.stringify(message)}\n`);
}

async function run(line) {
  const command = JSON.parse(line);
  try {
    const act = commands[command.do];
    if (!act) throw new Error(`no command ${command.do}`);
    const value = await within(command.ms ?? defaultTimeout, act(command), command.do);
    reply({ id: command.id, value: value ?? null });
  } catch (error) {
    reply({ id: command.id, error: String(error?.message ?? error) });
  }
}

// The first line says that the browser runs.
reply({ id: 0, value: browser.version() });
const lines = createInterface({ input: process.stdin });
lines.on('line', run);
lines.on('close', async () => {
  await browser.close();
  process.exit(0);
});
