// Two texts, line by line: what goes, what comes.

import { h } from '../core/dom.js';

/** Lines that are compared; of longer texts only whether they differ is said. */
const MOST = 400;

/** The lines of both in order: `[sign, line]`, with ` `, `-` or `+`. */
export const lines = (before, after) => {
  const [a, b] = [before.split('\n'), after.split('\n')];
  // The longest common part, from behind.
  const common = Array.from({ length: a.length + 1 }, () => new Uint16Array(b.length + 1));
  for (let i = a.length - 1; i >= 0; i -= 1) for (let j = b.length - 1; j >= 0; j -= 1) common[i][j] = a[i] === b[j] ? common[i + 1][j + 1] + 1 : Math.max(common[i + 1][j], common[i][j + 1]);
  const found = [];
  let [i, j] = [0, 0];
  while (i < a.length || j < b.length) {
    if (i < a.length && j < b.length && a[i] === b[j]) [found[found.length], i, j] = [[' ', a[i]], i + 1, j + 1];
    else if (j >= b.length || (i < a.length && common[i + 1][j] >= common[i][j + 1])) [found[found.length], i] = [['-', a[i]], i + 1];
    else [found[found.length], j] = [['+', b[j]], j + 1];
  }
  return found;
};

/** Both, with what differs marked by sign and colour. */
export const diff = (before, after) => {
  if (before === after) return h('p', { class: 'muted' }, 'Nothing yet.');
  if (before.split('\n').length > MOST || after.split('\n').length > MOST) return h('p', { class: 'muted' }, 'They differ; both are too long to compare here.');
  const tone = { '-': 'bad', '+': 'good', ' ': 'muted' };
  return h('pre', { class: 'code diff', tabindex: '0', 'aria-label': 'What changes' }, lines(before, after).map(([sign, line]) => h('span', { class: tone[sign] }, `${sign} ${line}\n`)));
};
