// The box of a query: what may be typed is offered, what is in it is shown as terms, what is wrong is marked.

import { h } from '../core/dom.js';
import { effect, signal } from '../core/signal.js';
import { choices } from './list.js';
import { icon } from './icon.js';
import { REASONS, STATES } from './state.js';

const QUALIFIERS = [
  ['state:', 'failed, started, succeeded …'],
  ['name:', 'shop.charge or shop.*'],
  ['queue:', 'the queue it was sent to'],
  ['worker:', 'a node name'],
  ['id:', 'the beginning of an id'],
  ['error:', 'words of the error'],
  ['reason:', 'expired, terminated, time_limit …'],
  ['kwargs.', 'kwargs.tenant:acme'],
  ['args:', 'words of the arguments'],
  ['wait:', '>5s'],
  ['run:', '1s..30s'],
  ['attempts:', '>=3'],
  ['received:', '>-2h'],
  ['root:', 'all of a workflow'],
  ['client:', 'who sent it'],
  ['-', 'not what follows'],
];

/** The terms of a text; quotes and brackets hold together. */
export const terms = (text) => text.match(/(?:[^\s"']*(?:"[^"]*"?|'[^']*'?)+\S*|\S+)/g) ?? [];

const quoted = (value) => (/[\s"()]/.test(value) ? `"${value.replaceAll('"', '')}"` : value);

/** The text with `qualifier:value` in it, or without it if it was. */
export const toggled = (text, qualifier, value) => {
  const term = `${qualifier}:${quoted(value)}`;
  const all = terms(text);
  const without = all.filter((each) => each !== term);
  return (without.length < all.length ? without : [...all.filter((each) => !each.startsWith(`${qualifier}:`)), term]).join(' ');
};

/** A box for `text`, a signal. `facets()` gives values with counts; `problem()` the error of the last search. */
export const queryBox = (text, { facets, problem }) => {
  const [typed, focused] = [signal(text.peek()), signal(false)];
  const lastTerm = () => (/\s$/.test(typed()) ? '' : (terms(typed()).pop() ?? ''));
  const options = () => {
    if (!focused()) return [];
    const term = lastTerm();
    const [, minus, qualifier, begun] = /^(-?)([a-z_]+):(.*)$/.exec(term) ?? [];
    if (qualifier) {
      const part = begun.split(',').pop().toLowerCase().replace(/^"/, '');
      const counted = (facets()?.[qualifier] ?? []).map(([value, count]) => [value, count]);
      const fixed = qualifier === 'state' ? STATES.map((state) => [state.toLowerCase(), '']) : qualifier === 'reason' ? Object.keys(REASONS).map((word) => [word, '']) : [];
      const values = counted.length ? counted : fixed;
      return values.filter(([value]) => String(value).toLowerCase().includes(part) && String(value).toLowerCase() !== part).slice(0, 12).map(([value, count]) => ({ term: `${minus}${qualifier}:${quoted(String(value))} `, shown: value, note: count }));
    }
    const wanted = term.replace(/^-/, '');
    return QUALIFIERS.filter(([name]) => name.startsWith(wanted) && name !== wanted).map(([name, note]) => ({ term: (term.startsWith('-') ? '-' : '') + name, shown: name, note }));
  };
  const put = (value) => {
    input.value = value;
    typed.set(value);
  };
  const commit = () => text.set(typed.peek().trim());
  const take = (option) => {
    const now = typed.peek();
    const term = /\s$/.test(now) ? '' : (terms(now).pop() ?? '');
    put(now.slice(0, now.length - term.length) + option.term);
    if (option.term.endsWith(' ')) commit();
  };
  const input = h('input', {
    type: 'search', 'data-search': true, 'aria-label': 'Search tasks', placeholder: 'state:failed name:shop.* wait:>5s …', autocomplete: 'off', spellcheck: 'false',
    'aria-invalid': () => (problem()?.status === 400 ? 'true' : null),
    oninput: (event) => typed.set(event.target.value),
    onfocus: () => focused.set(true),
    onblur: () => {
      focused.set(false);
      commit();
    },
  });
  const list = choices(input, options, (option) => [option.shown, h('span', option.note)], take);
  input.addEventListener('keydown', (event) => {
    if (list.keydown(event)) return;
    if (event.key === 'Enter') {
      commit();
      focused.set(false);
    } else if (event.key === 'Escape') {
      event.preventDefault();
      focused.set(false);
      input.blur();
    } else focused.set(true);
  });
  effect(() => {
    const value = text();
    if (value !== typed.peek().trim()) put(value);
    else if (!input.value) input.value = value;
  });
  const wrong = () => {
    const error = problem();
    if (error?.status !== 400) return null;
    const place = error.more?.position;
    const given = text.peek();
    return h('p', { class: 'bad small', role: 'alert' }, error.detail || error.title, typeof place === 'number' ? [' ', h('code', given.slice(0, place), h('mark', given.slice(place, place + 12) || ' ⟵ here'))] : null);
  };
  return h(
    'div', { class: 'stack-tight' },
    h('div', { class: 'query' }, h('div', { class: 'box' }, icon('search'), input, list.box)),
    h('div', { class: 'terms' }, () => terms(text()).map((term) => h('span', { class: 'term' }, term, h('button', { type: 'button', 'aria-label': `Remove ${term}`, onclick: () => text.set(terms(text.peek()).filter((each) => each !== term).join(' ')) }, icon('close'))))),
    wrong,
  );
};
