// What is around every page: rail, bar, the line that says how current it all is.
//
// Kept true here: when the board, the broker or the stream is away, that is said on top of every page.

import { reached, session } from './core/api.js';
import { h } from './core/dom.js';
import { condition, heard, paused, tick } from './core/live.js';
import { address, prefix, to } from './core/router.js';
import { duration, percent, time } from './core/format.js';
import { icon } from './part/icon.js';
import { notice } from './part/notice.js';
import { palette } from './part/palette.js';
import { PLACES } from './part/place.js';
import { cycle, theme } from './part/theme.js';
import { signal } from './core/signal.js';

const isHere = (segments) => {
  const path = address().path;
  return segments.length === 0 ? path === '/' : path === `/${segments[0]}` || path.startsWith(`/${segments[0]}/`);
};

const place = ({ segments, title, picture }) =>
  h('a', { class: 'place', href: to(...segments), title, 'aria-current': () => (isHere(segments) ? 'page' : null) }, icon(picture), h('span', { class: 'label' }, title));

const health = () => {
  const state = condition();
  const [kind, words] = {
    live: ['good', 'Live'],
    starting: ['', 'Connecting'],
    paused: ['warn', 'Paused'],
    quiet: ['warn', 'Quiet'],
    lost: ['bad', 'Not live'],
  }[reached() === false ? 'lost' : state];
  const coverage = tick()?.coverage?.share ?? tick()?.coverage;
  const more = typeof coverage === 'number' ? ` · events ${percent(coverage)}` : '';
  const text = heard() ? `Last heard at ${time(heard())}` : 'Nothing was heard yet';
  return h('span', { class: `health tag ${kind}`, title: text, role: 'status' }, words, h('span', { class: 'wide' }, more));
};

const banners = () => {
  if (reached() === false) return notice('bad', h('p', { class: 'strong' }, 'The board does not answer'), h('p', 'What is shown is as old as it says. The page goes on trying; check that taskq flower runs.'));
  const broker = tick()?.broker;
  if (broker && broker.connected === false) return notice('bad', h('p', { class: 'strong' }, 'The board does not reach the broker'), h('p', broker.error ?? 'Workers and queues are shown as they were last known; commands would not arrive.'));
  if (condition() === 'lost' && heard()) return notice('warn', h('p', `Nothing was heard for ${duration(Math.round(Date.now() / 1000 - heard()))}: the page asks every few seconds instead.`));
  if (session()?.problem) return notice('warn', h('p', { class: 'strong' }, session().problem.title), h('p', session().problem.detail || session().problem.fix));
  return null;
};

const about = () => {
  const who = session();
  if (!who) return null;
  return [
    who.environment?.name ? h('p', who.environment.name) : null,
    who.environment?.broker ? h('p', who.environment.broker) : null,
    who.read_only ? h('p', h('span', { class: 'tag warn' }, 'Read only')) : null,
    who.user ? h('p', `${who.user}${who.role ? `, ${who.role}` : ''}`) : null,
    who.version ? h('p', `taskq ${who.version}`) : null,
  ];
};

/** The nodes of the page around `main`. */
export const frame = (main) => {
  const opened = signal(false);
  const assets = new URL('icon.svg', import.meta.url).pathname;
  const rail = h(
    'nav', { class: () => `rail ${opened() ? 'open' : ''}`, id: 'rail', 'aria-label': 'Board', onclick: () => opened.set(false) },
    h('a', { class: 'brand', href: `${prefix}/`, 'aria-label': 'taskq, overview' }, h('img', { src: assets, alt: '' }), h('span', { class: 'label' }, 'taskq')),
    PLACES.map(place),
    h('div', { class: 'foot' }, about),
  );
  const bar = h(
    'header', { class: 'bar' },
    h('button', { class: 'find', type: 'button', onclick: palette, 'aria-keyshortcuts': 'Control+K' }, icon('search'), h('span', 'Search or command'), h('kbd', 'Ctrl K')),
    h('span', { class: 'space' }),
    health,
    h('button', { class: 'plain icon', type: 'button', 'aria-pressed': () => String(paused()), 'aria-label': () => (paused() ? 'Go on with live numbers' : 'Stop live numbers'), title: 'p', onclick: () => paused.update((was) => !was) }, () => icon(paused() ? 'play' : 'pause')),
    h('button', { class: 'plain icon', type: 'button', 'aria-label': () => `Theme: ${theme()}`, title: () => `Theme: ${theme()} (t)`, onclick: cycle }, icon('sun')),
  );
  const bottom = h(
    'nav', { class: 'bottom', 'aria-label': 'Main places' },
    [0, 1, 3, 4].map((index) => {
      const { segments, title, picture } = PLACES[index];
      return h('a', { href: to(...segments), 'aria-current': () => (isHere(segments) ? 'page' : null), onclick: () => opened.set(false) }, icon(picture), title);
    }),
    h('button', { type: 'button', 'aria-expanded': () => String(opened()), 'aria-controls': 'rail', onclick: () => opened.update((was) => !was) }, icon('more'), 'More'),
  );
  const banner = h('div', { class: 'stack banners' }, banners);
  const content = h('div', { class: 'content' }, banner, main);
  return [h('a', { class: 'button skip', href: '#main' }, 'To the content'), rail, bar, content, bottom];
};
