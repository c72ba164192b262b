// One queue: its depth, its age, what waits in it and who consumes it.

import { may, path, post, query, series } from '../core/api.js';
import { h } from '../core/dom.js';
import { resource } from '../core/resource.js';
import { to, toQuery } from '../core/router.js';
import { effect, signal } from '../core/signal.js';
import { bytes, brief, count, cut, duration, given, json, many, rate } from '../core/format.js';
import { chart } from '../part/chart.js';
import { ask, field } from '../part/dialog.js';
import { age, empty, notice, shown } from '../part/notice.js';
import { card, facts, head } from '../part/page.js';
import { pause, purge, restore } from '../part/queue.js';
import { when } from '../part/rows.js';
import { table } from '../part/table.js';
import { say } from '../part/toast.js';

const messageColumns = [
  { title: 'Task', kind: 'main', cell: (it) => (it.readable === false ? h('span', { class: 'bad' }, 'cannot be read') : h('a', { href: to('tasks', it.id ?? '') }, it.name ?? 'no name')) },
  { title: 'Id', show: true, cell: (it) => h('span', { class: 'mono muted' }, brief(it.id)) },
  { title: 'Arguments', kind: 'text mono', cell: (it) => cut(given(it), 160) },
  { title: 'Sent by', kind: 'text', cell: (it) => it.headers?.origin ?? '–' },
  { title: 'Retries', kind: 'number', cell: (it) => count(it.headers?.retries) },
  { title: 'Not before', cell: (it) => (it.not_before ? when(it.not_before) : (it.eta ?? '–')) },
  { title: 'Size', kind: 'number', show: true, cell: (it) => bytes(it.bytes) },
];

// What was taken meanwhile is said, and stays with who took it.
const told = (answer, verb) => say([answer.done.length ? `${many(answer.done.length, 'message')} ${verb}` : '', answer.taken.length ? `${many(answer.taken.length, 'message')} already taken` : ''].filter(Boolean).join(', '), { level: answer.taken.length ? 'warn' : 'good' });

const remove = (queue, keys, done) =>
  ask({ title: `Delete ${many(keys.length, 'waiting message')}?`, body: h('p', 'They are gone for good. One that a worker takes meanwhile runs all the same, and is told as already taken.'), action: 'Delete', danger: true, act: async () => {
    told(await post(path('queues', queue, 'messages', 'delete'), { keys }), 'deleted');
    done();
  } });

const move = (queue, keys, done) => {
  const target = h('select', { required: true });
  const body = () => {
    const others = resource(() => path('queues'));
    effect(() => target.replaceChildren(...(others.data()?.queues ?? []).filter((it) => it.name !== queue).map((it) => h('option', { value: it.name }, it.name))));
    return [h('p', 'They go to the end of another queue, with their arguments and ids. One that a worker takes meanwhile is told as already taken.'), field('To the queue', target)];
  };
  ask({ title: `Move ${many(keys.length, 'waiting message')}?`, body, action: 'Move', act: async () => {
    told(await post(path('queues', queue, 'messages', 'move'), { keys, to: target.value }), `moved to ${target.value}`);
    done();
  } });
};

const bar = (queue, chosen, done) =>
  h('div', { class: 'bulk', role: 'toolbar', 'aria-label': 'What is chosen' },
    h('strong', () => many(chosen().size, 'message')),
    h('button', { type: 'button', onclick: () => move(queue, [...chosen.peek()], done) }, 'Move …'),
    h('button', { type: 'button', class: 'danger', onclick: () => remove(queue, [...chosen.peek()], done) }, 'Delete …'),
    h('button', { type: 'button', class: 'plain', onclick: () => chosen.set(new Set()) }, 'Choose none'),
  );

/** The page. */
export default ({ queue: name }) => {
  const source = resource(() => path('queues', name), { every: 5 });
  const [chosen, force] = [signal(new Set()), signal(false)];
  const waiting = resource(() => `${path('queues', name, 'messages')}${query({ limit: 100, force: force() ? 'true' : '' })}`, { every: 10 });
  const depth = resource(() => series(3600, { measure: 'depth', split: 'queue', queue: name, points: 120 }), { every: 15 });
  const again = () => (source.again(), waiting.again());
  const picked = () => (chosen.set(new Set()), again());
  const own = (data) => ({ ...data(), lines: data().lines.filter((line) => line.key === name || data().lines.length === 1) });
  return [
    head(name, {
      crumb: { href: to('queues'), text: 'Queues' },
      sub: () => [source.data()?.paused ? h('span', { class: 'tag warn' }, 'paused') : null, age(source.at, 15)],
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
    card('Waiting messages, oldest first', [
      shown(waiting, (data) => [
        () => (data().note && data().supported !== false ? h('p', { class: 'hint note-line' }, data().note) : null),
        table('Waiting messages', () => data().messages, { columns: messageColumns, key: (it) => it.key, chosen: may('queue.edit') ? chosen : null, none: () => (data().supported === false ? empty('They are not looked at unasked', data().note ?? '', h('button', { type: 'button', onclick: () => force.set(true) }, 'Look all the same')) : empty('Nothing waits', 'Workers take messages as fast as they come.')) }),
      ]),
      () => (chosen().size ? bar(name, chosen, picked) : null),
    ], { tight: true, at: waiting.at }),
  ];
};
