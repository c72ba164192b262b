// What people and programs did through this board, and what came of it.

import { may, path, post } from '../core/api.js';
import { h } from '../core/dom.js';
import { resource } from '../core/resource.js';
import { count, cut, flat, json } from '../core/format.js';
import { age, empty, shown } from '../part/notice.js';
import { card, head } from '../part/page.js';
import { replyList } from '../part/reply.js';
import { when } from '../part/rows.js';
import { table } from '../part/table.js';
import { show } from '../part/dialog.js';
import { say } from '../part/toast.js';

const outcome = (it) => {
  const text = typeof it.outcome === 'string' ? it.outcome : json(it.outcome ?? 'not known');
  return h('span', { class: /^(ok|done|accepted)/i.test(text) ? 'good' : /fail|refus|error|denied/i.test(text) ? 'bad' : '' }, cut(text, 120));
};

/** What workers answered; nothing where none was asked. */
const answers = (it) => {
  const { replies, silent } = it.replies ?? {};
  return Array.isArray(replies) || Array.isArray(silent) ? { replies: replies ?? [], silent: silent ?? [] } : null;
};

const part = (title, value) => (value === null || value === undefined ? null : [h('h3', title), h('pre', { class: 'code' }, cut(json(value), 4000))]);

const details = (it) =>
  show(it.action, () => [
    h('p', cut(it.target, 400)),
    it.from ? h('p', { class: 'muted' }, `Asked from ${it.from}`) : null,
    part('With', it.arguments),
    part('Before', it.before),
    part('After', it.after),
    answers(it) ? [h('h3', 'Answers'), replyList(answers(it))] : [part('What came of it', it.replies), h('p', { class: 'muted' }, 'No worker was asked for an answer.')],
  ]);

const answered = (it) => {
  const said = answers(it);
  if (!said) return '–';
  return said.silent.length ? `${count(said.replies.length)} of ${count(said.replies.length + said.silent.length)}` : count(said.replies.length);
};

const columns = [
  { title: 'Action', kind: 'main', cell: (it) => h('button', { class: 'link', type: 'button', onclick: () => details(it) }, it.action) },
  { title: 'When', show: true, cell: (it) => when(it.at) },
  { title: 'Who', show: true, cell: (it) => it.user ?? 'not asked who' },
  { title: 'On', kind: 'text mono', cell: (it) => cut(typeof it.target === 'string' ? it.target : json(it.target ?? '–'), 120) },
  { title: 'With', kind: 'text mono', cell: (it) => cut(flat(it.arguments ?? {}), 120) },
  { title: 'Outcome', show: true, cell: outcome },
  { title: 'Replies', kind: 'number', cell: answered },
];

// What a job may be stopped with: what it may be begun with.
const NEEDS = { 'job.retry': 'task.retry', 'job.revoke': 'task.revoke', 'job.terminate': 'task.terminate', 'job.forget': 'task.delete', 'job.replay': 'dead.replay', 'job.backfill': 'schedule.run' };
const OPEN = ['running', 'waiting'];

const tell = (it, verb, text) => () => post(path('jobs', it.id, verb)).then(() => say(text), (error) => say(error.message, { level: 'bad' }));

const jobColumns = [
  { title: 'Job', kind: 'main', cell: (it) => it.action },
  { title: 'State', show: true, cell: (it) => it.state },
  { title: 'Done', kind: 'number', show: true, label: 'done', cell: (it) => `${count(it.done)} of ${count(it.total)}` },
  { title: 'Failed', kind: 'number', cell: (it) => count(it.failed) },
  { kind: 'act', cell: (it) => (OPEN.includes(it.state) && may(NEEDS[it.action]) ? [it.state === 'waiting' ? h('button', { type: 'button', onclick: tell(it, 'resume', 'It goes on') }, 'Go on') : null, h('button', { type: 'button', class: 'danger', onclick: tell(it, 'stop', 'Told to stop') }, 'Stop')] : null) },
];

/** The page. */
export default () => {
  const source = resource(() => path('activity'), { every: 5 });
  const jobs = resource(() => (may('view') || may('task.retry') ? path('jobs') : null), { every: 3 });
  const list = () => jobs.data()?.jobs ?? [];
  return [
    head('Activity', { sub: age(source.at, 15) }),
    () => (list().length ? card('Jobs', table('Jobs', list, { columns: jobColumns, key: (it) => it.id }), { tight: true }) : null),
    card('What was done', shown(source, (data) => table('Activity', () => data().entries, { columns, key: (it) => `${it.at} ${it.action} ${it.target}`, none: () => empty('Nothing was done yet', 'Every retry, revoke, purge and command through this board or its API is written here, with each worker’s answer.') })), { tight: true }),
  ];
};
