// Dead letters: messages that were given up, with all their bytes.

import { may, path, post, query } from '../core/api.js';
import { h } from '../core/dom.js';
import { resource } from '../core/resource.js';
import { parameter, to } from '../core/router.js';
import { signal } from '../core/signal.js';
import { bytes, count, cut, given, json, many } from '../core/format.js';
import { block } from '../part/copy.js';
import { ask, show } from '../part/dialog.js';
import { menu } from '../part/menu.js';
import { age, empty, shown } from '../part/notice.js';
import { facts, head } from '../part/page.js';
import { when } from '../part/rows.js';
import { table } from '../part/table.js';
import { say } from '../part/toast.js';

const details = (it) =>
  show(
    `Dead letter ${it.id}`,
    (close) => [
      facts([['Reason', it.reason], ['Detail', it.detail], ['Queue', it.queue], ['Deliveries', count(it.deliveries)], ['Size', bytes(it.bytes)], ['Task', it.task_id ? h('a', { class: 'mono', href: to('tasks', it.task_id), onclick: close }, it.task_id) : null]]),
      it.readable === false ? h('p', { class: 'bad' }, 'The message cannot be read; it is kept as it came.') : [block('Arguments', json(it.args ?? [])), block('Keyword arguments', json(it.kwargs ?? {})), block('Headers', json(it.headers ?? {}))],
    ],
    { heading: it.task ?? 'Dead letter', wide: true },
  );

const together = (letters) => {
  const by = new Map();
  for (const letter of letters) by.set(letter.queue, [...(by.get(letter.queue) ?? []), letter.id]);
  return [...by];
};

const replay = (letters, done) =>
  ask({ title: `Replay ${many(letters.length, 'letter')}?`, body: h('p', 'They go back to their queues as they came, and are tried again. What made them fail should be mended first.'), action: 'Replay', act: async () => {
    for (const [queue, ids] of together(letters)) await post(path('dead', queue, 'replay'), { ids });
    say(`${many(letters.length, 'letter')} sent again`);
    done();
  } });

const forget = (letters, done) =>
  ask({ title: `Delete ${many(letters.length, 'letter')} for good?`, body: h('p', 'Nobody can replay them then.'), action: 'Delete', danger: true, type: letters.length > 10 ? String(letters.length) : '', act: async () => {
    for (const [queue, ids] of together(letters)) await post(path('dead', queue, 'forget'), { ids });
    say(`${many(letters.length, 'letter')} deleted`);
    done();
  } });

/** The page. */
export default () => {
  const [queue, chosen] = [parameter('queue'), signal(new Set())];
  const source = resource(() => `${path('dead')}${query({ queue: queue() })}`, { every: 5 });
  const done = () => (chosen.set(new Set()), source.again());
  const letters = () => source.data()?.letters ?? [];
  const picked = () => letters().filter((it) => chosen().has(it.id));
  const columns = [
    { title: 'Task', kind: 'main', value: (it) => it.task, cell: (it) => h('button', { class: 'link', onclick: () => details(it) }, it.task ?? 'cannot be read') },
    { title: 'Reason', kind: 'text', show: true, value: (it) => it.reason, cell: (it) => h('span', { class: 'bad', title: cut(it.detail ?? it.reason, 500) }, cut(it.reason, 120)) },
    { title: 'Queue', show: true, value: (it) => it.queue, cell: (it) => it.queue },
    { title: 'When', show: true, value: (it) => it.at, cell: (it) => when(it.at) },
    { title: 'Deliveries', kind: 'number', value: (it) => it.deliveries, cell: (it) => count(it.deliveries) },
    { title: 'Arguments', kind: 'text mono', cell: (it) => cut(given(it), 140) },
    { title: 'Size', kind: 'number', value: (it) => it.bytes, cell: (it) => bytes(it.bytes) },
    { kind: 'act', cell: (it) => menu(`Actions of ${it.task ?? it.id}`, () => [{ text: 'Look into it', act: () => details(it) }, may('dead.replay') && { text: 'Replay …', act: () => replay([it], done) }, may('dead.drop') && { text: 'Delete …', act: () => forget([it], done), danger: true }]) },
  ];
  return [
    head('Dead letters', { sub: () => [source.data() ? h('span', many((source.data().queues ?? []).reduce((sum, it) => sum + (it.count ?? 0), 0), 'letter')) : null, age(source.at, 15)()], actions: () => h('select', { 'aria-label': 'Queue', value: queue(), onchange: (event) => queue.set(event.target.value) }, h('option', { value: '' }, 'All queues'), (source.data()?.queues ?? []).map((it) => h('option', { value: it.queue }, `${it.queue} (${count(it.count)})`))) }),
    h('section', { class: 'card', 'aria-label': 'Letters' }, shown(source, (data) => [() => (data().note ? h('p', { class: 'hint note-line' }, data().note) : null), table('Dead letters', letters, { columns, key: (it) => it.id, sort: '-When', chosen, none: () => empty('No dead letter', 'Rust workers put a message here when its attempts are exhausted, when it cannot be read, or when nobody knows its task.') })])),
    () => (picked().length ? h('div', { class: 'bulk', role: 'toolbar', 'aria-label': 'What is chosen' }, h('strong', many(picked().length, 'letter')), may('dead.replay') ? h('button', { onclick: () => replay(picked(), done) }, 'Replay …') : null, may('dead.drop') ? h('button', { class: 'danger', onclick: () => forget(picked(), done) }, 'Delete …') : null, h('button', { class: 'plain', onclick: () => chosen.set(new Set()) }, 'Choose none')) : null),
  ];
};
