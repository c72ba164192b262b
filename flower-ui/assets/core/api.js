// Calls of /api/v1.
//
// Kept true here: a call that changes something carries the page's token and a key by which a repeated one is
// known; a failure says what, why and what to do.

import { path, prefix, query } from './router.js';
import { signal } from './signal.js';

const BASE = `${prefix}/api/v1`;
/** Longest wait for an answer, in milliseconds: a worker may take seconds to reply. */
const PATIENCE = 30_000;

/** Who looks, and what they may do; nothing before the first answer. */
export const session = signal(null);

/** Whether the board answered the last call: `null` before the first. */
export const reached = signal(null);

/** Why a call failed. */
export class Problem extends Error {
  constructor({ title, status = 0, detail = '', fix = '', request_id: request = '', ...more }) {
    super(detail || title);
    Object.assign(this, { title, status, detail, fix, request, more });
  }
}

const cookie = (name) => document.cookie.split('; ').find((pair) => pair.startsWith(`${name}=`))?.slice(name.length + 1);

const unreachable = (cause) =>
  new Problem({
    title: 'The board does not answer',
    detail: cause.name === 'TimeoutError' ? `No answer within ${PATIENCE / 1000} s.` : 'The connection failed.',
    fix: 'Check that taskq flower runs and that this machine reaches it. The page goes on trying.',
  });

const refused = async (response) => {
  const text = await response.text();
  try {
    const body = JSON.parse(text);
    return new Problem({ ...body, title: body.title ?? body.error ?? response.statusText, status: response.status });
  } catch {
    const known = {
      401: ['You are not logged in', 'Log in again: reload this page.'],
      403: ['You may not do that', 'Ask for the permission, or look without changing anything.'],
      404: ['The board does not know that', 'It may have been deleted, or this board is older than this page: reload.'],
    }[response.status] ?? [`The board answered ${response.status}`, 'Its log tells more.'];
    return new Problem({ title: known[0], status: response.status, detail: text.length < 300 ? text.trim() : '', fix: known[1] });
  }
};

const call = async (path, options = {}) => {
  const { signal: stop, ...rest } = options;
  const limits = [AbortSignal.timeout(PATIENCE), ...(stop ? [stop] : [])];
  let response;
  try {
    response = await fetch(BASE + path, { ...rest, signal: AbortSignal.any(limits), credentials: 'same-origin' });
  } catch (cause) {
    if (stop?.aborted) throw cause;
    reached.set(false);
    throw unreachable(cause);
  }
  reached.set(true);
  if (!response.ok) throw await refused(response);
  return response.status === 204 ? null : response.json();
};

// What is read and posted is named by the same paths and queries as pages are.
export { path, query };

/** The path of a series of the last `back` seconds. */
export const series = (back, values) => path('series') + query({ ...values, from: Math.floor(Date.now() / 1000) - back });

/** Reads. */
export const get = (where, options) => call(where, options);

/** Changes. */
export const post = (where, body = {}) => {
  const token = session.peek()?.csrf ?? cookie('_xsrf') ?? '';
  const headers = {
    'Content-Type': 'application/json',
    'X-Taskq-CSRF': token,
    'X-XSRFToken': cookie('_xsrf') ?? token,
    'Idempotency-Key': crypto.randomUUID?.() ?? String(Math.random()),
  };
  return call(where, { method: 'POST', headers, body: JSON.stringify(body) });
};

/** Whether whoever looks may do that; what they may not is not shown. */
export const may = (permission) => {
  const who = session();
  if (!who || who.read_only) return false;
  const granted = who.permissions ?? [];
  return granted.includes(permission) || granted.includes('admin') || granted.includes('*');
};
