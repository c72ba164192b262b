// One box for everything: pages, things by their name, tasks by their id, actions.

import { h } from '../core/dom.js';
import { get, may, path } from '../core/api.js';
import { go, to, toQuery } from '../core/router.js';
import { paused } from '../core/live.js';
import { signal } from '../core/signal.js';
import { choices } from './list.js';
import { icon } from './icon.js';
import { open } from './dialog.js';
import { PLACES } from './place.js';
import { cycle } from './theme.js';

/** Entries shown. */
const MOST = 12;
const ID = /^[0-9a-f][0-9a-f-]{6,}$/i;

const fixed = () => [
  ...PLACES.map(({ segments, title, picture }) => ({ text: title, kind: 'Page', picture, act: () => go(to(...segments)) })),
  may('task.call') ? { text: 'Call a task', kind: 'Action', picture: 'plus', act: () => go(to('call')) } : null,
  { text: 'Failed tasks', kind: 'Search', picture: 'failure', act: () => go(toQuery(['tasks'], { q: 'state:failed' })) },
  { text: 'Running tasks', kind: 'Search', picture: 'started', act: () => go(toQuery(['tasks'], { q: 'state:started' })) },
  { text: paused.peek() ? 'Go on with live numbers' : 'Stop live numbers', kind: 'Action', picture: 'pause', act: () => paused.update((was) => !was) },
  { text: 'Next theme', kind: 'Action', picture: 'sun', act: cycle },
].filter(Boolean);

const things = async () => {
  const read = (where, find) => get(where).then(find, () => []);
  const all = await Promise.all([
    read(path('queues'), (answer) => answer.queues.map(({ name }) => ({ text: name, kind: 'Queue', picture: 'queues', act: () => go(to('queues', name)) }))),
    read(path('workers'), (answer) => answer.workers.map(({ name }) => ({ text: name, kind: 'Worker', picture: 'workers', act: () => go(to('workers', name)) }))),
    read(path('names'), (answer) => answer.names.map(({ name }) => ({ text: name, kind: 'Task name', picture: 'names', act: () => go(to('names', name)) }))),
  ]);
  return all.flat();
};

const score = (text, wanted) => {
  const place = text.toLowerCase().indexOf(wanted);
  if (place >= 0) return place === 0 ? 0 : 1;
  let from = 0;
  for (const letter of wanted) {
    from = text.toLowerCase().indexOf(letter, from) + 1;
    if (!from) return -1;
  }
  return 2;
};

/** Opens it. */
export const palette = () => {
  if (document.querySelector('dialog.palette')) return;
  open(
    'Search or command',
    (close) => {
      const [typed, found] = [signal(''), signal([])];
      things().then(found.set);
      const options = () => {
        const wanted = typed().trim().toLowerCase();
        const known = [...fixed(), ...found()];
        if (!wanted) return known.slice(0, MOST);
        const ranked = known.map((entry) => [score(entry.text, wanted), entry]).filter(([rank]) => rank >= 0);
        const best = ranked.sort(([a], [b]) => a - b).map(([, entry]) => entry).slice(0, MOST);
        const text = typed().trim();
        if (ID.test(text)) best.unshift({ text: `Task ${text}`, kind: 'Id', picture: 'tasks', act: () => go(text.length >= 32 ? to('tasks', text) : toQuery(['tasks'], { q: `id:${text}` })) });
        return [...best, { text: `Search tasks for “${text}”`, kind: 'Search', picture: 'search', act: () => go(toQuery(['tasks'], { q: text })) }];
      };
      const take = (entry) => {
        close();
        entry.act();
      };
      const input = h('input', { placeholder: 'A page, a name, an id, or a search …', 'aria-label': 'Search or command', autocomplete: 'off', spellcheck: 'false', autofocus: true, oninput: (event) => typed.set(event.target.value) });
      const list = choices(input, options, (entry) => [icon(entry.picture), h('span', entry.text), h('span', { class: 'muted' }, entry.kind)], take, { eager: true });
      input.addEventListener('input', () => list.chosen.set(0));
      input.addEventListener('keydown', list.keydown);
      return [input, list.box];
    },
    { kind: 'palette' },
  );
};
