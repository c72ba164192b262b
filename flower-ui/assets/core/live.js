// What changes while somebody looks.
//
// Kept true here: all tabs share one connection, since a browser allows few to one host; a break is resumed where
// it broke; nothing arrives while the reader has stopped the page.

import { prefix } from './router.js';
import { signal } from './signal.js';

const URL_ = `${prefix}/api/v1/stream`;
/** A tab that nobody sees lets go after this time, in milliseconds. */
const HIDDEN = 60_000;
/** Silence after which numbers are called old, and lost, in seconds. */
const QUIET = 20;
const LOST = 60;

/** The second: ages follow it. */
export const now = signal(Date.now() / 1000);
setInterval(() => now.set(Date.now() / 1000), 1000);

/** The numbers of the last second. */
export const tick = signal(null);
/** Whether the reader has stopped the page. */
export const paused = signal(false);
/** When the stream was last heard, in seconds since 1970; 0 before it was. */
export const heard = signal(0);

const listeners = new Set();

/** `live`, `quiet`, `lost`, `paused` or `starting`. */
export const condition = () => {
  if (paused()) return 'paused';
  if (!heard()) return now() - begun > 5 ? 'lost' : 'starting';
  const silence = now() - heard();
  return silence > LOST ? 'lost' : silence > QUIET ? 'quiet' : 'live';
};
const begun = Date.now() / 1000;

/** Calls with each change: `{tasks, more, workers, broker, missed}`. Gives what ends it. */
export const onChange = (call) => {
  listeners.add(call);
  return () => listeners.delete(call);
};

const shared = 'BroadcastChannel' in globalThis ? new BroadcastChannel(`taskq${prefix}`) : null;

const take = ({ kind, data }) => {
  heard.set(Date.now() / 1000);
  if (paused.peek()) return;
  if (kind === 'tick') tick.set(data);
  if (kind === 'change' || kind === 'reset') for (const call of [...listeners]) call(data ?? {});
};

const open = () => {
  const source = new EventSource(URL_);
  for (const kind of ['hello', 'change', 'tick', 'reset', 'lagged']) {
    source.addEventListener(kind, (event) => {
      let data = null;
      try {
        data = JSON.parse(event.data);
      } catch {
        // A beat without content.
      }
      const message = { kind: kind === 'lagged' ? 'reset' : kind, data };
      take(message);
      shared?.postMessage(message);
    });
  }
  source.addEventListener('open', () => heard.set(Date.now() / 1000));
  // One that the browser has given up is opened again, later.
  source.addEventListener('error', () => {
    if (source.readyState !== EventSource.CLOSED) return;
    clearTimeout(again);
    again = setTimeout(() => current === source && (current = open()), 2000 + Math.random() * 3000);
  });
  return source;
};

let current = null;
let again = 0;
let release = null;

/** Becomes the tab that listens for all, once no other does. */
const lead = () => {
  if (current || release) return;
  if (!navigator.locks || !shared) {
    current = open();
    return;
  }
  const wish = new AbortController();
  release = () => wish.abort();
  navigator.locks
    .request(`taskq${prefix}`, { signal: wish.signal }, () => new Promise((done) => {
      current = open();
      release = done;
    }))
    .catch(() => {});
};

const leave = () => {
  current?.close();
  current = null;
  release?.();
  release = null;
};

/** Listens. */
export const start = () => {
  shared?.addEventListener('message', (event) => take(event.data));
  let hidden = 0;
  document.addEventListener('visibilitychange', () => {
    clearTimeout(hidden);
    if (document.hidden) hidden = setTimeout(leave, HIDDEN);
    else if (!current && !release) {
      lead();
      for (const call of [...listeners]) call({});
    }
  });
  lead();
};
