// One task name.

import { may, path, query, series } from '../core/api.js';
import { h } from '../core/dom.js';
import { resource } from '../core/resource.js';
import { to, toQuery } from '../core/router.js';
import { count, duration, percent, rate } from '../core/format.js';
import { chart } from '../part/chart.js';
import { age, empty, shown } from '../part/notice.js';
import { card, facts, head } from '../part/page.js';
import { taskTable, when } from '../part/rows.js';

const three = (it) => (it ? `${duration(it.p50)} · ${duration(it.p95)} · ${duration(it.p99)}` : '–');

/** The page. */
export default ({ name }) => {
  const source = resource(() => path('names', name), { every: 10 });
  const hour = (measure, split = '') => resource(() => series(3600, { measure, split, name, points: 90 }), { every: 15 });
  const [runs, waits, ends] = [hour('run'), hour('wait'), hour('throughput', 'state')];
  const recent = resource(() => `${path('tasks')}${query({ q: `name:${name}`, limit: 20 })}`, { every: 5, on: () => true });
  return [
    head(name, { crumb: { href: to('names'), text: 'Task names' }, sub: age(source.at, 30), actions: [() => (may('task.call') ? h('a', { class: 'button', href: to('call', name) }, 'Call') : null), h('a', { class: 'button', href: toQuery(['tasks'], { q: `name:${name}` }) }, 'All of them')] }),
    shown(source, (data) =>
      h('div', { class: 'columns' },
        card('So far', () => facts([['Tasks', count(data().count)], ['Failed', `${count(data().failed)} (${percent(data().count ? data().failed / data().count : null)})`], ['Retried', count(data().retried)], ['Last', when(data().last)]])),
        card('p50 · p95 · p99', () => facts([['Wait', three(data().wait)], ['Run', three(data().run)]])),
        card('Registered by', () => ((data().workers ?? []).length ? h('ul', { class: 'stack-tight' }, data().workers.map((worker) => h('li', h('a', { href: to('workers', worker) }, worker)))) : empty('No worker', 'Messages of this name are refused by whoever receives them.'))),
      ),
    ),
    h('div', { class: 'figures' },
      card('Ended, last hour', shown(ends, (data) => chart('Tasks ended', data, { kind: 'areas', format: rate }))),
      card('Wait, last hour', shown(waits, (data) => chart('Wait', data, { format: duration }))),
      card('Run, last hour', shown(runs, (data) => chart('Run', data, { format: duration }))),
    ),
    card('Newest', shown(recent, (data) => taskTable('Newest tasks', () => data().tasks, { none: () => empty('None is in the history', 'They appear when one is sent.') })), { tight: true, at: recent.at }),
  ];
};
