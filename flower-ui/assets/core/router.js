// Which page an address shows.
//
// Kept true here: everything that says what is shown is in the address, so that a link shows the same to
// somebody else; going back goes back to where one was.

import { signal } from './signal.js';

/** What is below a path of the proxy in front, without a slash at its end. */
export const prefix = document.documentElement.dataset.prefix ?? '';

const current = () => ({ path: location.pathname.slice(prefix.length) || '/', query: new URLSearchParams(location.search) });

/** The address: `{ path, query }`. */
export const address = signal(current());

/** `/tasks/a%2Fb`: one path of segments. */
export const path = (...segments) => `/${segments.map(encodeURIComponent).join('/')}`;

/** `?a=1&b=2`; empty values are left out. */
export const query = (values) => {
  const kept = Object.entries(values).filter(([, value]) => value !== '' && value !== null && value !== undefined);
  return kept.length ? `?${new URLSearchParams(kept)}` : '';
};

/** The path of a page, in the form links need: `to('tasks', id)`. */
export const to = (...segments) => prefix + path(...segments);

/** The same with a query. */
export const toQuery = (segments, values) => to(...segments) + query(values);

/** The address of a link that the API gives: a path below the prefix, already encoded. */
export const here = (link) => prefix + link;

/** Goes there. */
export const go = (url, { replace = false } = {}) => {
  const target = new URL(url, location.href);
  if (target.origin !== location.origin || !target.pathname.startsWith(prefix)) {
    location.assign(target);
    return;
  }
  history[replace ? 'replaceState' : 'pushState'](null, '', target);
  address.set(current());
};

/** A part of the query as a value: read with `x()`, written with `x.set(text)`, which changes the address. */
export const parameter = (name, otherwise = '') => {
  const self = () => address().query.get(name) ?? otherwise;
  self.peek = () => address.peek().query.get(name) ?? otherwise;
  self.set = (value) => {
    const url = new URL(location.href);
    if (value === '' || value === null || value === otherwise) url.searchParams.delete(name);
    else url.searchParams.set(name, value);
    if (url.href !== location.href) go(url, { replace: true });
  };
  return self;
};

/** What of `pattern` (`/tasks/:id`) a path gives, or nothing. */
export const match = (pattern, path) => {
  const [wanted, given] = [pattern.split('/'), path.replace(/(.)\/$/, '$1').split('/')];
  if (wanted.length !== given.length) return null;
  const found = {};
  for (const [place, part] of wanted.entries()) {
    if (part.startsWith(':')) {
      try {
        found[part.slice(1)] = decodeURIComponent(given[place]);
      } catch {
        return null;
      }
    } else if (part !== given[place]) return null;
  }
  return found;
};

const isPlain = (event) => event.button === 0 && !(event.metaKey || event.ctrlKey || event.shiftKey || event.altKey);

/** Follows links and the browser's buttons. */
export const start = () => {
  addEventListener('popstate', () => address.set(current()));
  document.addEventListener('click', (event) => {
    /** @type {HTMLAnchorElement | null} */
    const link = event.target instanceof Element ? event.target.closest('a[href]') : null;
    if (!link || event.defaultPrevented || !isPlain(event)) return;
    if (link.target || link.hasAttribute('download') || link.getAttribute('href').startsWith('#')) return;
    const url = new URL(link.href);
    if (url.origin !== location.origin || link.dataset.plain !== undefined) return;
    event.preventDefault();
    go(url);
  });
};
