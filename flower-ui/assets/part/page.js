// The frame of a page: its heading, and cards below.

import { h } from '../core/dom.js';
import { UNKNOWN } from '../core/format.js';
import { age } from './notice.js';

let count = 0;

/** Heading, a line below it, actions beside it. */
export const head = (title, { sub = null, actions = null, crumb = null } = {}) =>
  h(
    'div', { class: 'head' },
    h('div', { class: 'titles' }, crumb ? h('nav', { class: 'crumb', 'aria-label': 'Above' }, h('a', { href: crumb.href }, crumb.text)) : null, h('h1', { tabindex: '-1' }, title), sub ? h('div', { class: 'sub' }, sub) : null),
    actions ? h('div', { class: 'actions' }, actions) : null,
  );

/** An input whose text `wanted`, a signal, follows; `/` goes there. */
export const finder = (label, wanted, placeholder = label) => h('input', { type: 'search', 'data-search': true, placeholder, 'aria-label': label, oninput: (event) => wanted.set(event.target.value) });

/** A box with a heading. `at`: when what is in it was read, as a signal or a number. */
export const card = (title, content, { actions = null, at = null, tight = false } = {}) => {
  const id = `card${(count += 1)}`;
  return h(
    'section', { class: 'card', 'aria-labelledby': id },
    h('header', h('h2', { id }, title), at ? age(at) : null, actions),
    h('div', { class: tight ? 'body tight' : 'body' }, content),
  );
};

/** Names and values: `[name, value]`, those without value left out. */
export const facts = (pairs) =>
  h('dl', { class: 'facts' }, pairs.filter(([, value]) => value !== null && value !== undefined && value !== '' && value !== UNKNOWN).map(([name, value]) => [h('dt', name), h('dd', value)]));

/** Tabs whose choice is in the address: `{key: [label, draw]}`. */
export const tabs = (label, chosen, choices) => {
  const keys = Object.keys(choices);
  const current = () => (keys.includes(chosen()) ? chosen() : keys[0]);
  const move = (event) => {
    const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
    if (!step) return;
    const next = keys[(keys.indexOf(current()) + step + keys.length) % keys.length];
    chosen.set(next);
    event.currentTarget.querySelector(`[data-key="${next}"]`)?.focus();
  };
  return h(
    'div', { class: 'stack' },
    h(
      'div', { class: 'tabs', role: 'tablist', 'aria-label': label, onkeydown: move },
      keys.map((key) =>
        h('button', { role: 'tab', 'data-key': key, 'aria-selected': () => String(current() === key), tabindex: () => (current() === key ? '0' : '-1'), onclick: () => chosen.set(key) }, choices[key][0]),
      ),
    ),
    h('div', { role: 'tabpanel', 'aria-label': label }, () => choices[current()][1]()),
  );
};
