// Tasks: searched, filtered, watched, and many of them acted on at once.
//
// Kept true here: rows that are looked at change in place and do not move; what is new waits behind a button until
// it is wanted; what is done to many is counted first.

import { get, may, path, query, series } from '../core/api.js';
import { h } from '../core/dom.js';
import { condition, onChange, paused } from '../core/live.js';
import { resource } from '../core/resource.js';
import { parameter, to, toQuery } from '../core/router.js';
import { ended, effect, signal, untracked } from '../core/signal.js';
import { count, many, rate, time } from '../core/format.js';
import { bulk } from '../part/bulk.js';
import { chart } from '../part/chart.js';
import { age, empty, shown, trouble } from '../part/notice.js';
import { head } from '../part/page.js';
import { queryBox, terms, toggled } from '../part/query.js';
import { COLUMNS, taskMenu } from '../part/rows.js';
import { word } from '../part/state.js';
import { table } from '../part/table.js';
import { views } from '../part/views.js';

const PAGE = 50;
const FACETS = { state: 'State', name: 'Task', queue: 'Queue', worker: 'Worker' };
const SORTED = new Set(['received', 'name', 'state']);

const facet = (text, name, values) =>
  values?.length
    ? h('section', { 'aria-label': FACETS[name] }, h('h2', { class: 'small' }, FACETS[name]), h('ul', values.slice(0, 10).map(([value, number]) => h('li', h('button', { type: 'button', title: value, 'aria-pressed': String(terms(text()).some((term) => term.toLowerCase() === `${name}:${value}`.toLowerCase())), onclick: () => text.set(toggled(text.peek(), name, name === 'state' ? value.toLowerCase() : value)) }, h('span', { class: 'what' }, name === 'state' ? word(value) : value), h('span', { class: 'muted' }, count(number)))))))
    : null;

/** The page. */
export default () => {
  const [text, sort] = [parameter('q'), parameter('sort')];
  const [rows, next, chosen, waiting, more] = [signal([]), signal(null), signal(new Set()), signal(0), signal(null)];
  const where = (cursor = '', more = {}) => `${path('tasks')}${query({ q: text(), sort: sort(), limit: PAGE, cursor, ...more })}`;
  const first = resource(() => where('', { facets: true }));

  const fresh = () => {
    waiting.set(0);
    return first.again();
  };
  const put = (answer) => {
    rows.set(answer.tasks);
    next.set(answer.next);
    waiting.set(0);
  };
  effect(() => first.data() && put(first.data()));
  // Another question: nothing of the last one stays chosen.
  effect(() => {
    text();
    untracked(() => (chosen.set(new Set()), waiting.set(0)));
  });

  const refreshed = async () => {
    const url = untracked(() => where());
    const answer = await get(url).catch(() => null);
    if (!answer || paused.peek() || url !== untracked(() => where())) return;
    first.at.set(answer.at ?? Date.now() / 1000);
    const known = new Map(answer.tasks.map((task) => [task.id, task]));
    const shownIds = new Set(rows.peek().map((task) => task.id));
    rows.update((list) => list.map((task) => known.get(task.id) ?? task));
    const others = answer.tasks.filter((task) => !shownIds.has(task.id)).length;
    // At the top, with nothing chosen, nobody is disturbed.
    if (others && scrollY < 40 && chosen.peek().size === 0 && !document.querySelector('main tbody :focus')) put(answer);
    else waiting.set(others);
  };
  let due = 0;
  const off = onChange(() => {
    if (paused.peek() || document.hidden) return;
    clearTimeout(due);
    due = setTimeout(refreshed, 800);
  });
  // Without a live stream `first` is read as often, and nothing is while the reader has stopped the page.
  const poll = setInterval(() => !document.hidden && condition() === 'live' && refreshed(), 5000);
  ended(() => (off(), clearTimeout(due), clearInterval(poll)));

  const older = async () => {
    more.set('reading');
    try {
      const answer = await get(untracked(() => where(next.peek())));
      const had = new Set(rows.peek().map((task) => task.id));
      rows.update((list) => [...list, ...answer.tasks.filter((task) => !had.has(task.id))]);
      next.set(answer.next);
      more.set(null);
    } catch (error) {
      more.set(error);
    }
  };

  const span = resource(() => series(3600, { measure: 'throughput', split: 'state', points: 120, q: text() }), { every: 15 });
  const zoom = (from, till) => text.set([...terms(text.peek()).filter((term) => !term.startsWith('received:')), `received:${Math.floor(from)}..${Math.ceil(till)}`].join(' '));
  const matched = () => {
    const it = first.data()?.matched;
    if (!it) return null;
    return `${it.exact === false ? '≈ ' : ''}${many(it.count, 'task')}`;
  };
  const columns = ['state', 'name', 'id', 'received', 'queue', 'wait', 'run', 'attempts', 'worker', 'input', 'outcome'].map((name) => ({ ...COLUMNS[name], value: SORTED.has(name) ? true : null }));
  const order = Object.assign(() => sort() || '-received', { peek: () => sort.peek() || '-received', set: sort.set });
  const asTable = signal(false);
  const facets = () => first.data()?.facets ?? {};
  const wideFacets = h('details', { class: 'facets-box', hidden: () => !Object.values(facets()).some((values) => values?.length), open: innerWidth > 1080 }, h('summary', 'Filters'), h('div', { class: 'facets' }, () => Object.keys(FACETS).map((name) => facet(text, name, facets()[name]))));

  return [
    head('Tasks', { sub: () => [h('span', matched()), first.data()?.searched_back_to ? h('span', `searched back to ${time(first.data().searched_back_to)}`) : null, first.data()?.note ? h('span', first.data().note) : null, age(first.at, 20)], actions: [views(text, sort), () => (may('task.call') ? h('a', { class: 'button', href: to('call') }, 'Call a task') : null), h('a', { class: 'button', href: () => toQuery(['api', 'v1', 'export'], { q: text() }), download: 'tasks.ndjson' }, 'Export'), h('a', { class: 'button', href: () => toQuery(['api', 'v1', 'export'], { q: text(), format: 'csv' }), download: 'tasks.csv' }, 'CSV')] }),
    queryBox(text, { facets, problem: first.problem }),
    h(
      'div', { class: 'beside' },
      wideFacets,
      h(
        'div', { class: 'stack' },
        () => (text() || !span.data() ? null : h('section', { class: 'card', 'aria-label': 'Ended in the last hour' }, h('div', { class: 'body histogram' }, chart('Tasks ended in the last hour', span.data, { kind: 'areas', format: rate, height: 84, onzoom: zoom, table: asTable })))),
        h(
          'section', { class: 'card', 'aria-label': 'List of tasks' },
          () => (waiting() ? h('div', { class: 'fresh' }, h('button', { type: 'button', class: 'link', onclick: () => fresh().then(() => scrollTo(0, 0)) }, `▲ ${waiting() >= PAGE ? `${PAGE} or more` : waiting()} new`)) : null),
          shown({ ...first, problem: () => (first.problem()?.status === 400 ? null : first.problem()) }, () =>
            table('Tasks', rows, {
              columns: [...columns, { kind: 'act', cell: (_, item) => taskMenu(item, refreshed) }],
              key: (task) => task.id,
              sorted: order,
              chosen,
              none: () => (text() ? empty('No task matches', 'Nothing in the history that is kept fits the query.', h('button', { onclick: () => text.set('') }, 'Remove the query')) : empty('No task was heard of', 'Tasks appear when workers send events: this board asks them to. Start a worker, then send a task.', may('task.call') ? h('a', { class: 'button', href: to('call') }, 'Call a task') : null)),
            }),
          ),
          () => (more() && more() !== 'reading' ? trouble(more(), older) : null),
          () => (next() ? h('div', { class: 'more' }, h('button', { type: 'button', disabled: more() === 'reading', onclick: older }, more() === 'reading' ? 'Reading …' : 'Older tasks')) : null),
        ),
        () => (chosen().size ? bulk({ chosen, text, matched, done: refreshed }) : null),
      ),
    ),
  ];
};
