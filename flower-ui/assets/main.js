// Starts the board: what is around the pages, and which page is shown.
//
// Kept true here: a page that leaves takes its effects, timers and requests along; the new page's heading gets
// the focus, so that who cannot see the change hears it.

import { get, Problem, reached, session } from './core/api.js';
import { h } from './core/dom.js';
import * as live from './core/live.js';
import * as router from './core/router.js';
import { effect, scope, signal, untracked } from './core/signal.js';
import { frame } from './frame.js';
import * as keyboard from './part/keys.js';
import { notice, trouble } from './part/notice.js';
import { head } from './part/page.js';
import { palette } from './part/palette.js';
import * as toast from './part/toast.js';

const PAGES = [
  ['/', 'overview'],
  ['/tasks', 'tasks'],
  ['/tasks/:id', 'task'],
  ['/names', 'names'],
  ['/names/:name', 'name'],
  ['/workflows', 'workflows'],
  ['/workflows/:root', 'workflow'],
  ['/queues', 'queues'],
  ['/queues/:queue', 'queue'],
  ['/workers', 'workers'],
  ['/workers/:worker', 'worker'],
  ['/schedules', 'schedules'],
  ['/schedules/:entry', 'schedule'],
  ['/dead', 'dead'],
  ['/errors', 'errors'],
  ['/errors/:fingerprint', 'error'],
  ['/charts', 'metrics'],
  ['/alerts', 'alerts'],
  ['/activity', 'activity'],
  ['/settings', 'settings'],
  ['/call', 'call'],
  ['/call/:name', 'call'],
];

const find = (path) => {
  for (const [pattern, name] of PAGES) {
    const parameters = router.match(pattern, path);
    if (parameters) return [name, parameters];
  }
  return [null, {}];
};

const missing = () => [head('There is no such page'), notice('info', 'The address may be mistyped, or the link old. ', h('a', { href: router.to() }, 'To the overview'))];

const main = h('main', { id: 'main', tabindex: '-1' });
let leave = () => {};
let turn = 0;

const show = async (path, isFirst) => {
  const [name, parameters] = find(path);
  turn += 1;
  const mine = turn;
  /** @type {(parameters: object) => unknown} */
  let draw = missing;
  try {
    if (name) draw = (await import(`./page/${name}.js`)).default;
  } catch (error) {
    draw = () => [head('This page could not be loaded'), trouble(new Problem({ title: 'A part of the board could not be loaded', detail: String(error.message), fix: 'The board may have been replaced by another version: reload the page.' }), () => location.reload())];
  }
  if (mine !== turn) return;
  leave();
  const [node, end] = scope(() => {
    try {
      return h('div', { class: 'page', 'data-page': name ?? 'missing' }, draw(parameters));
    } catch (error) {
      console.error(error);
      return h('div', { class: 'page' }, head('This page could not be drawn'), trouble(new Problem({ title: 'The page made a mistake', detail: String(error.message) })));
    }
  });
  leave = end;
  main.replaceChildren(node);
  const heading = main.querySelector('h1');
  document.title = `${heading?.textContent ?? 'Board'} · taskq`;
  if (isFirst) return;
  scrollTo(0, 0);
  heading?.focus({ preventScroll: true });
};

router.start();
live.start();
document.getElementById('app').replaceChildren(...frame(main));
toast.start();
keyboard.start(palette);
// Who looks, asked again when the board comes back: it may have been replaced.
const wish = signal(0);
effect(() => {
  wish();
  untracked(() => get('/session').then((who) => session.set(who), (problem) => session.peek() ?? session.set({ permissions: [], problem })));
});
effect(() => reached() && wish.update((count) => (session.peek()?.problem ? count + 1 : count)));

let path = null;
effect(() => {
  const next = router.address().path;
  if (next === path) return;
  const isFirst = path === null;
  path = next;
  untracked(() => show(next, isFirst));
});
