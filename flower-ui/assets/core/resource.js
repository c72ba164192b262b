// What a page reads from the API, and keeps reading.
//
// Kept true here: what was read stays on the page when a later read fails, with its age; an answer that comes
// after a newer question is dropped; a page that left reads no more.

import { get } from './api.js';
import { condition, onChange, paused } from './live.js';
import { ended, effect, signal, untracked } from './signal.js';

/** Changes that come closer than this are read once, in milliseconds. */
const PACE = 1000;
/** One without a pace of its own is read so often while nothing tells of changes, in seconds. */
const SELDOM = 5;

/**
 * Reads `where()`, which may be null for nothing, now, when it changes, every `every` seconds, and when `on(change)`
 * says that a change concerns it. Gives signals `data`, `problem`, `loading`, `at`, and `again()`.
 */
export const resource = (where, { every = 0, on = null } = {}) => {
  const [data, problem, loading, at] = [signal(null), signal(null), signal(true), signal(0)];
  let asking = null;
  let last = 0;
  let soon = 0;

  const read = async (url) => {
    asking?.abort();
    const stop = new AbortController();
    asking = stop;
    last = Date.now();
    loading.set(true);
    try {
      const answer = await get(url, { signal: stop.signal });
      if (stop.signal.aborted) return;
      data.set(answer);
      at.set(answer?.at ?? Date.now() / 1000);
      problem.set(null);
    } catch (error) {
      if (stop.signal.aborted) return;
      problem.set(error);
    } finally {
      if (asking === stop) loading.set(false);
    }
  };
  const again = () => {
    const url = untracked(where);
    return url ? read(url) : Promise.resolve();
  };
  const later = () => {
    if (paused.peek() || document.hidden) return;
    clearTimeout(soon);
    soon = setTimeout(again, Math.max(0, last + PACE - Date.now()));
  };

  let before = null;
  effect(() => {
    const url = where();
    if (url === before) return;
    before = url;
    if (url) untracked(() => read(url));
    else {
      data.set(null);
      loading.set(false);
    }
  });
  const timer = setInterval(() => {
    if ((every || untracked(condition) !== 'live') && Date.now() - last >= (every || SELDOM) * 1000) later();
  }, 1000);
  const off = on ? onChange((what) => (Object.keys(what).length === 0 || on(what)) && later()) : () => {};
  ended(() => {
    asking?.abort();
    clearTimeout(soon);
    clearInterval(timer);
    off();
  });
  return { data, problem, loading, at, again };
};
