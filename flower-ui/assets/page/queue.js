// One queue: its depth, its age, what waits in it and who consumes it.

import { may, path, query, series } from '../core/api.js';
import { h } from '../core/dom.js';
import { resource } from '../core/resource.js';
import { to, toQuery } from '../core/router.js';
import { bytes, brief, count, cut, duration, given, json, many, rate } from '../core/format.js';
import { chart } from '../part/chart.js';
import { age, empty, notice, shown } from '../part/notice.js';
import { card, facts, head } from '../part/page.js';
import { pause, purge, restore } from '../part/queue.js';
import { when } from '../part/rows.js';
import { table } from '../part/table.js';

const messageColumns = [
  { title: 'Task', kind: 'main', cell: (it) => (it.readable === false ? h('span', { class: 'bad' }, 'cannot be read') : h('a', { href: to('tasks', it.id ?? '') }, it.name ?? 'no name')) },
  { title: 'Id', show: true, cell: (it) => h('span', { class: 'mono muted' }, brief(it.id)) },
  { title: 'Arguments', kind: 'text mono', cell: (it) => cut(given(it), 160) },
  { title: 'Sent by', kind: 'text', cell: (it) => it.headers?.origin ?? '–' },
  { title: 'Retries', kind: 'number', cell: (it) => count(it.headers?.retries) },
  { title: 'Not before', cell: (it) => (it.not_before ? when(it.not_before) : (it.eta ?? '–')) },
  { title: 'Size', kind: 'number', show: true, cell: (it) => bytes(it.bytes) },
];

/** The page. */
export default ({ queue: name }) => {
  const source = resource(() => path('queues', name), { every: 5 });
  const waiting = resource(() => `${path('queues', name, 'messages')}${query({ limit: 100 })}`, { every: 10 });
  const depth = resource(() => series(3600, { measure: 'depth', split: 'queue', queue: name, points: 120 }), { every: 15 });
  const again = () => (source.again(), waiting.again());
  const own = (data) => ({ ...data(), lines: data().lines.filter((line) => line.key === name || data().lines.length === 1) });
  return [
    head(name, {
      crumb: { href: to('queues'), text: 'Queues' },
      sub: () => [source.data()?.paused ? h('span', { class: 'tag warn' }, 'paused') : null, age(source.at, 15)()],
      actions: () => {
        const queue = source.data();
        if (!queue) return null;
        return [h('a', { class: 'button', href: toQuery(['tasks'], { q: `queue:${name}` }) }, 'Its tasks'), may('queue.pause') ? h('button', { onclick: () => pause(queue, again) }, queue.paused ? 'Resume …' : 'Pause …') : null, may('queue.purge') ? h('button', { class: 'danger', onclick: () => purge(queue, again) }, 'Purge …') : null];
      },
    }),
    shown(source, (data) => [
      () => (data().ready > 0 && data().consumers?.length === 0 ? notice('bad', h('p', { class: 'strong' }, `${many(data().ready, 'message')} wait and nobody consumes ${name}`), h('p', 'Start a worker with it (with -Q), or tell one to consume it: Workers, then Queues.')) : null),
      h('div', { class: 'two' },
        card('Waiting, last hour', shown(depth, (data) => chart(`Waiting in ${name}`, () => own(data), { format: count, height: 150 })), { at: depth.at }),
        h('div', { class: 'stack' },
          card('Now', () => facts([['Waiting', count(data().ready)], ['In flight', count(data().in_flight)], ['Delayed', count(data().delayed)], ['Dead', data().dead ? h('a', { href: toQuery(['dead'], { queue: name }) }, count(data().dead)) : count(data().dead)], ['Oldest', duration(data().oldest)], ['In', rate(data().in_rate)], ['Out', rate(data().out_rate)], ['Empty in', duration(data().empty_in)]])),
          card('Consumers', () => (data().consumers?.length ? h('ul', { class: 'stack-tight' }, data().consumers.map((worker) => h('li', h('a', { href: to('workers', worker) }, worker)))) : empty('Nobody', 'No worker that answers consumes this queue.'))),
          () => (data().snapshots?.length ? card('Snapshots', h('ul', { class: 'stack-tight' }, data().snapshots.map((it) => h('li', { class: 'between' }, h('span', `${many(it.messages, 'message')}, `, when(it.at)), may('queue.purge') ? h('button', { onclick: () => restore(data(), it.snapshot, again) }, 'Restore …') : null)))) : null),
        ),
      ),
    ]),
    card('Waiting messages, oldest first', shown(waiting, (data) => [() => (data().note ? h('p', { class: 'hint note-line' }, data().note) : null), table('Waiting messages', () => data().messages, { columns: messageColumns, key: (it) => it.id ?? json(it), none: () => (data().supported === false ? empty('This broker does not let us look', data().note ?? '') : empty('Nothing waits', 'Workers take messages as fast as they come.')) })]), { tight: true, at: waiting.at }),
  ];
};
