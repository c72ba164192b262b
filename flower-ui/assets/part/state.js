// The state of a task: a word, a shape and a colour, so that none of them is needed alone.

import { h } from '../core/dom.js';
import { icon } from './icon.js';

const KNOWN = {
  PENDING: ['sent', 'Waiting'],
  SENT: ['sent', 'Sent'],
  RECEIVED: ['received', 'Received'],
  STARTED: ['started', 'Running'],
  SUCCESS: ['success', 'Succeeded'],
  FAILURE: ['failure', 'Failed'],
  RETRY: ['retry', 'Retrying'],
  REVOKED: ['revoked', 'Revoked'],
  REJECTED: ['rejected', 'Rejected'],
  LOST: ['lost', 'Lost'],
};

/** Why a task ended, by the words that queries know. */
export const REASONS = {
  expired: 'Expired',
  revoked: 'Revoked',
  terminated: 'Terminated',
  rejected: 'Rejected',
  not_registered: 'Not registered',
  lost_worker: 'Lost worker',
  time_limit: 'Time limit',
};

/** The states that queries know, in the order in which a task passes them. */
export const STATES = ['PENDING', 'RECEIVED', 'STARTED', 'SUCCESS', 'FAILURE', 'RETRY', 'REVOKED', 'REJECTED'];

/** The class that gives the colour. */
export const tone = (state) => `s-${KNOWN[state]?.[0] === 'lost' ? 'failure' : (KNOWN[state]?.[0] ?? 'started')}`;

/** The word. A state of a program's own is its name. */
export const word = (state) => KNOWN[state]?.[1] ?? String(state ?? 'Unknown');

/** The shape. */
export const shape = (state) => KNOWN[state]?.[0] ?? 'dot';

/** Why it ended, in words; the API may give a word of its own or a sentence. */
const reason = (given) => {
  if (!given) return '';
  if (typeof given === 'string') return REASONS[given] ?? given;
  return given.text ?? REASONS[given.word ?? given.kind] ?? JSON.stringify(given);
};

const ENDED = new Set(['SUCCESS', 'FAILURE', 'REVOKED', 'REJECTED']);

/** Whether nothing more happens to it. */
export const isOver = (state) => ENDED.has(state);

/** `✓ Succeeded`, or the true reason where there is one. */
export const chip = (state, why) => {
  const because = reason(why);
  const text = because && because !== word(state) ? (state === 'REVOKED' || state === 'REJECTED' ? because : `${word(state)}: ${because}`) : word(state);
  return h('span', { class: `chip ${tone(state)}` }, icon(shape(state)), text);
};

const WORKERS = {
  online: ['success', 's-success', 'Online'],
  draining: ['draining', 's-retry', 'Draining'],
  suspect: ['lost', 's-retry', 'Suspect'],
  lost: ['failure', 's-failure', 'Lost'],
  offline: ['revoked', 's-sent', 'Offline'],
};

/** The same for a worker. */
export const workerChip = (status) => {
  const [shape_, tone_, text] = WORKERS[status] ?? ['dot', 's-sent', String(status)];
  return h('span', { class: `chip ${tone_}` }, icon(shape_), text);
};
