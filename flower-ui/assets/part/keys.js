// What the keyboard does.
//
// Kept true here: no key acts while somebody types, in a dialog, or with Ctrl and Alt; keys can be switched off.

import { h } from '../core/dom.js';
import { keep, recall } from '../core/kept.js';
import { ended } from '../core/signal.js';
import { go, to } from '../core/router.js';
import { paused } from '../core/live.js';
import { show } from './dialog.js';
import { cycle } from './theme.js';

const PLACES = { o: [[], 'Overview'], t: [['tasks'], 'Tasks'], f: [['workflows'], 'Workflows'], q: [['queues'], 'Queues'], w: [['workers'], 'Workers'], s: [['schedules'], 'Schedules'], d: [['dead'], 'Dead letters'], e: [['errors'], 'Errors'], n: [['names'], 'Task names'], m: [['charts'], 'Metrics'], l: [['alerts'], 'Alerts'], a: [['activity'], 'Activity'], h: [['settings'], 'Settings and health'], c: [['call'], 'Call a task'] };

const own = new Map();

/** A page's own keys: `{r: ['Retry', act]}`, for as long as the page is there. */
export const keys = (table) => {
  for (const [key, entry] of Object.entries(table)) own.set(key, entry);
  ended(() => Object.keys(table).forEach((key) => own.delete(key)));
};

/** Whether keys act. */
export const areOn = () => recall('keys') !== 'off';
/** Switches them. */
export const turn = (on) => keep('keys', on ? 'on' : 'off');

/** @returns {HTMLElement[]} */
const rows = () => [...document.querySelectorAll('main tbody tr')].filter((row) => row instanceof HTMLElement);

const step = (by) => {
  const all = rows();
  const place = all.indexOf(document.activeElement?.closest?.('tr'));
  const next = all[Math.max(0, Math.min(all.length - 1, place + by))];
  next?.focus();
  next?.scrollIntoView({ block: 'nearest' });
};

const inRow = (selector) => document.activeElement?.closest?.('tbody tr')?.querySelector(selector);

const help = () => {
  const line = (key, text) => [h('dt', key.split(' ').map((part) => [h('kbd', part), ' '])), h('dd', text)];
  show('Keyboard', () => [
    h('dl', { class: 'facts' }, line('Ctrl K', 'Search, or do something'), line('/', 'Search on this page'), line('j', 'Next row'), line('k', 'Row before'), line('Enter', 'Open the row'), line('x', 'Select the row'), line('.', 'Actions of the row'), line('p', 'Stop and go on with live numbers'), line('t', 'Next theme'), [...own].map(([key, [text]]) => line(key, text)), Object.entries(PLACES).map(([key, [, name]]) => line(`g ${key}`, name))),
    h('label', { class: 'check' }, h('input', { type: 'checkbox', checked: areOn(), onchange: (event) => turn(event.target.checked) }), 'Keys act'),
  ]);
};

const isTyping = (target) => target instanceof HTMLElement && (target.isContentEditable || /^(INPUT|TEXTAREA|SELECT)$/.test(target.tagName)) && target.getAttribute('type') !== 'checkbox';

/** Listens. `palette` opens the palette. */
export const start = (palette) => {
  let going = 0;
  addEventListener('keydown', (event) => {
    if ((event.ctrlKey || event.metaKey) && event.key.toLowerCase() === 'k') {
      event.preventDefault();
      palette();
      return;
    }
    if (event.ctrlKey || event.metaKey || event.altKey || isTyping(event.target) || document.querySelector('dialog[open]') || !areOn()) return;
    const does = (act) => {
      event.preventDefault();
      act();
    };
    if (going && event.timeStamp - going < 1500) {
      going = 0;
      const place = PLACES[event.key];
      if (place) does(() => go(to(...place[0])));
      return;
    }
    going = 0;
    const fixed = {
      g: () => (going = event.timeStamp),
      '?': help,
      '/': () => { const box = document.querySelector('main [data-search]'); if (box instanceof HTMLElement) box.focus(); else palette(); },
      j: () => step(1),
      k: () => step(-1),
      x: () => inRow('td.pick input')?.click(),
      '.': () => inRow('td.act button')?.click(),
      t: cycle,
      p: () => paused.update((was) => !was),
    };
    if (fixed[event.key]) does(fixed[event.key]);
    else if (event.key === 'Enter' && event.target instanceof HTMLTableRowElement) does(() => inRow('td.main a')?.click());
    else if (own.has(event.key)) does(own.get(event.key)[1]);
  });
};
