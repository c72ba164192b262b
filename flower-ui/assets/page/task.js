// One task: what it is, each time it was tried, and what can be done about it.

import { may, path, post } from '../core/api.js';
import { h } from '../core/dom.js';
import { resource } from '../core/resource.js';
import { go, parameter, to } from '../core/router.js';
import { brief, count, duration, json, moment } from '../core/format.js';
import { attempts } from '../part/attempts.js';
import { block, copyButton } from '../part/copy.js';
import { field, ask } from '../part/dialog.js';
import { keys } from '../part/keys.js';
import { age, empty, notice, shown } from '../part/notice.js';
import { card, facts, head, tabs } from '../part/page.js';
import { retry, revoke, taskTable, terminate, when } from '../part/rows.js';
import { say } from '../part/toast.js';
import { chip, isOver } from '../part/state.js';
import { meter } from '../part/chart.js';

const SOURCES = { backend: 'from the result backend', queue: 'from the waiting message', dead: 'from the dead letter', repr: 'read from the text of an event', event: 'from the publisher’s event' };

const parsed = (text, what) => {
  try {
    return JSON.parse(text);
  } catch (error) {
    throw Object.assign(new Error(`${what}: ${error.message}`), { title: `${what} are no JSON`, fix: 'Strings and names stand in double quotes.' });
  }
};

const editor = (task, given, done) => {
  const area = (value, otherwise) => h('textarea', { class: 'code', spellcheck: 'false', value: JSON.stringify(value ?? otherwise, null, 2) });
  const [args, kwargs] = [area(given?.args, []), area(given?.kwargs, {})];
  const queue = h('input', { value: task.queue ?? '', placeholder: 'as routed' });
  const countdown = h('input', { type: 'number', min: '0', step: 'any', placeholder: '0' });
  ask({
    title: `Edit and retry ${task.name ?? task.id}`,
    wide: true,
    body: [given?.exact === false ? notice('warn', given.note ?? 'These arguments are not known to be exact: compare before you send.') : null, field('Arguments', args, 'A JSON list'), field('Keyword arguments', kwargs, 'A JSON object'), h('div', { class: 'fields' }, field('Queue', queue), field('Countdown', countdown, 'Seconds'))],
    action: 'Send',
    act: async () => {
      const edit = { args: parsed(args.value, 'Arguments'), kwargs: parsed(kwargs.value, 'Keyword arguments') };
      const answer = await post(path('tasks', task.id, 'retry'), { edit, ...(queue.value ? { queue: queue.value } : {}), ...(countdown.value ? { countdown: Number(countdown.value) } : {}) });
      say('Sent', { link: { href: to('tasks', answer?.id ?? task.id), text: 'Open the new one' } });
      done();
    },
  });
};

const input = ({ arguments: given, task }) => {
  if (!given || (given.args === null && given.kwargs === null)) return [h('pre', { class: 'code' }, [task.args, task.kwargs].filter(Boolean).join('\n') || 'not heard'), h('p', { class: 'hint' }, given?.note ?? 'Arguments come with events, from the message while it waits, or from an extended result.')];
  return [
    h('p', { class: 'line' }, h('span', { class: `tag ${given.exact ? 'good' : 'warn'}` }, given.exact ? 'exact' : 'not known to be exact'), h('span', { class: 'muted small' }, given.note ?? SOURCES[given.source] ?? given.source)),
    block('Arguments', json(given.args)),
    block('Keyword arguments', json(given.kwargs)),
  ];
};

const outcome = ({ task, stored }) => {
  const traceback = task.traceback ?? stored?.traceback;
  if (task.exception || traceback) return [task.exception ? h('p', { class: 'bad mono strong' }, task.exception) : null, traceback ? block('Traceback', traceback) : h('p', { class: 'hint' }, 'No traceback was sent.')];
  if (task.result ?? stored?.result ?? null) return block('Result', json(stored?.result ?? task.result));
  return empty(isOver(task.state) ? 'No result was kept' : 'Not over yet', isOver(task.state) ? 'The task ignores its result, or it has expired.' : 'The result appears here.');
};

const link = (id) => (id ? h('a', { class: 'mono', href: to('tasks', id) }, id) : null);

const about = ({ task, by }) =>
  facts([
    ['Queue', task.queue ? h('a', { href: to('queues', task.queue) }, task.queue) : null],
    ['Worker', task.worker ? h('a', { href: to('workers', task.worker) }, task.worker) : null],
    ['Sent', task.sent ? moment(task.sent) : null],
    ['Received', task.received ? moment(task.received) : null],
    ['Not before', task.eta],
    ['Expires', task.expires],
    ['Waited', duration(task.wait)],
    ['Ran', duration(task.run)],
    ['Backoff', duration(task.backoff)],
    ['Revoked by', by ? [by.user, ' ', when(by.at)] : null],
    ['Attempts', count(task.attempts)],
    ['Retries', task.retries],
    ['Sent by', task.client],
    ['Exchange', task.exchange],
    ['Routing key', task.routing_key],
    ['Priority', task.priority],
    ['Clock', task.clock],
  ]);

const relations = ({ relations: it, task }) => [
  facts([
    ['Workflow', it.root && it.root !== task.id ? link(it.root) : null],
    ['Sent by task', link(it.parent)],
    ['As a whole', it.root || it.children?.length ? h('a', { href: to('workflows', it.root ?? task.id) }, 'Graph and waterfall') : null],
  ]),
  it.children?.length ? taskTable('Tasks it sent', () => it.children, { columns: ['state', 'name', 'id', 'run'] }) : h('p', { class: 'muted small' }, 'It sent no other task, as far as was heard.'),
];

const similar = ({ similar: list, task }) => {
  const longest = Math.max(0.001, task.run ?? 0, ...(list ?? []).map((it) => it.run ?? 0));
  return list?.length
    ? h('ul', { class: 'stack-tight small' }, [task, ...list].map((it) => h('li', { class: 'between' }, h('span', { class: 'line' }, chip(it.state, it.reason), it.id === task.id ? h('strong', 'this one') : h('a', { class: 'mono', href: to('tasks', it.id) }, brief(it.id))), h('span', { class: 'nowrap' }, meter(it.run, longest, 'Run', { warns: false }), ` ${duration(it.run)}`))))
    : h('p', { class: 'muted' }, 'No other of this name is in the history.');
};

const audit = (list) => (list?.length ? h('ul', { class: 'stack-tight small' }, list.map((entry) => h('li', when(entry.at), ` ${entry.user ?? 'somebody'}: ${entry.action} → ${typeof entry.outcome === 'string' ? entry.outcome : JSON.stringify(entry.outcome)}`))) : h('p', { class: 'muted small' }, 'Nobody did anything to it through this board.'));

/** The page. */
export default ({ id }) => {
  const source = resource(() => path('tasks', id), { on: (change) => !change.tasks || change.tasks.includes(id) });
  const code = parameter('code');
  const withTask = (act) => () => source.data.peek() && act(source.data.peek().task, source.again);
  const edit = () => source.data.peek() && editor(source.data.peek().task, source.data.peek().arguments, source.again);
  const neighbour = (step) => () => {
    const list = source.data.peek()?.similar ?? [];
    if (list.length) go(to('tasks', list[step < 0 ? 0 : list.length - 1].id));
  };
  keys({ r: ['Retry this task', () => may('task.retry') && withTask(retry)()], e: ['Edit and retry', () => may('task.retry') && edit()], ']': ['Task of this name before', neighbour(1)], '[': ['Task of this name after', neighbour(-1)] });
  const actions = () => {
    const task = source.data()?.task;
    if (!task) return null;
    return [
      may('task.retry') ? h('button', { onclick: withTask(retry) }, 'Retry …') : null,
      may('task.retry') ? h('button', { onclick: edit }, 'Edit and retry …') : null,
      may('task.revoke') && !isOver(task.state) ? h('button', { class: 'danger', onclick: withTask(revoke) }, 'Revoke …') : null,
      may('task.terminate') && task.state === 'STARTED' ? h('button', { class: 'danger', onclick: withTask(terminate) }, 'Terminate …') : null,
    ];
  };
  const title = h('span', () => source.data()?.task.name ?? 'Task');
  const unheard = () => source.problem()?.status === 404 && !source.data();
  const known = { ...source, problem: () => (unheard() ? null : source.problem()) };
  return [
    head(title, {
      crumb: { href: to('tasks'), text: 'Tasks' },
      sub: () => [source.data() ? chip(source.data().task.state, source.data().task.reason) : null, h('span', { class: 'line' }, h('code', id), copyButton('id', id)), source.data() ? when(source.data().task.timestamp) : null, age(source.at, 30)],
      actions,
    }),
    () => (unheard() ? empty('Nothing was heard of this task', 'If it was sent just now, it appears with its first event. An old one may have been deleted by age or size.', h('button', { onclick: source.again }, 'Look again')) : null),
    shown(known, (data) => [
      card('Attempts', () => (data().attempts?.length ? attempts(data().attempts) : empty('No attempt was heard', 'The task is known, but no worker has said that it received it.'))),
      h(
        'div', { class: 'two' },
        h('div', { class: 'stack' }, card('Result or error', () => outcome(data())), card('Input', () => input(data())), card('Copy as code', tabs('Language', code, Object.fromEntries(['python', 'rust', 'curl'].map((language) => [language, [{ python: 'Python', rust: 'Rust', curl: 'curl' }[language], () => block('Call', data().code?.[language] ?? 'not known')]]))))),
        h('div', { class: 'stack' }, card('About', () => about(data())), card('Relations', () => relations(data())), card('Others of this name', () => similar(data())), card('What was done to it', () => audit(data().audit))),
      ),
    ]),
  ];
};
