// Dead letters: messages that were given up, with all their bytes.

import { get, may, path, post, query } from '../core/api.js';
import { h } from '../core/dom.js';
import { resource } from '../core/resource.js';
import { parameter, to } from '../core/router.js';
import { effect, signal } from '../core/signal.js';
import { bytes, count, cut, given, json, many, moment } from '../core/format.js';
import { block } from '../part/copy.js';
import { diff } from '../part/diff.js';
import { ask, field, show } from '../part/dialog.js';
import { begin } from '../part/job.js';
import { menu } from '../part/menu.js';
import { age, empty, notice, shown } from '../part/notice.js';
import { facts, head } from '../part/page.js';
import { when } from '../part/rows.js';
import { table } from '../part/table.js';
import { say } from '../part/toast.js';

const details = (it) =>
  show(
    `Dead letter ${it.id}`,
    (close) => [
      facts([['Reason', it.reason], ['Detail', it.detail], ['Queue', it.queue], ['Deliveries', count(it.deliveries)], ['Size', bytes(it.bytes)], ['Sent again', it.mark ? `${it.mark.what} by ${it.mark.user}, ${moment(it.mark.at)}` : null], ['As', it.mark?.task && it.mark.task !== it.task_id ? h('a', { class: 'mono', href: to('tasks', it.mark.task), onclick: close }, it.mark.task) : null], ['Task', it.task_id ? h('a', { class: 'mono', href: to('tasks', it.task_id), onclick: close }, it.task_id) : null]]),
      it.readable === false ? h('p', { class: 'bad' }, 'The message cannot be read; it is kept as it came.') : [block('Arguments', json(it.args ?? [])), block('Keyword arguments', json(it.kwargs ?? {})), block('Headers', json(it.headers ?? {}))],
    ],
    { heading: it.task ?? 'Dead letter', wide: true },
  );

const together = (letters) => {
  const by = new Map();
  for (const letter of letters) by.set(letter.queue, [...(by.get(letter.queue) ?? []), letter.id]);
  return [...by];
};

const number = (attributes) => h('input', { type: 'number', min: '0', step: 'any', ...attributes });

// At a rate, the first few alone if wanted, and no further than it goes well.
const replay = (letters, done) => {
  const target = h('select', h('option', { value: '' }, 'where they came from'));
  const queues = () => {
    const known = resource(() => path('queues'));
    effect(() => target.replaceChildren(target.options[0], ...(known.data()?.queues ?? []).map((it) => h('option', { value: it.name }, it.name))));
  };
  const [rate, canary, most] = [number({ placeholder: 'as fast as it goes' }), number({ placeholder: 'none', step: '1' }), number({ max: '99', placeholder: 'never' })];
  begin({
    title: `Replay ${letters.length ? many(letters.length, 'letter') : 'all letters'}`,
    form: () => [queues(), h('p', 'They are sent as they came, and tried again. What made them fail should be mended first.'), letters.some((it) => it.mark) ? notice('warn', 'Some of them were sent again before: they would run twice.') : null, h('div', { class: 'fields' }, field('To the queue', target), field('At most a second', rate), field('First only', canary, 'So many, then it asks'), field('Stop above', most, '% that fail again'))],
    what: () => ({ action: 'replay', letters: letters.map((it) => [it.queue, it.id]), ...(target.value ? { to: target.value } : {}), ...(rate.value ? { rate: Number(rate.value) } : {}), ...(canary.value ? { canary: Number(canary.value) } : {}), ...(most.value ? { stop_over: Number(most.value) / 100 } : {}) }),
    verb: 'Replay', said: 'will be sent again.', thing: 'letter', done,
  });
};

const parsed = (control, what, isRight, form) => {
  try {
    const value = JSON.parse(control.value);
    if (isRight(value)) return value;
    throw new Error(`It has to be ${form}.`);
  } catch (error) {
    control.setAttribute('aria-invalid', 'true');
    throw Object.assign(new Error(error.message), { title: `${what} cannot be sent like that`, fix: 'JSON: strings and names stand in double quotes.' });
  }
};

const parameters = (data) => (data?.params?.length ? `Parameters: ${data.params.map((it) => (it.kind === 'required' ? it.name : `${it.name} (${it.kind === 'optional' ? 'optional' : 'any more'})`)).join(', ')}` : data ? 'This board does not know the parameters of the task: a worker refuses what does not fit.' : '');

const edit = (it, done) => {
  const before = { args: json(it.args ?? []), kwargs: json(it.kwargs ?? {}) };
  const [args, kwargs] = [signal(before.args), signal(before.kwargs)];
  const area = (text, value) => h('textarea', { class: 'code', spellcheck: 'false', value, oninput: (event) => (event.target.removeAttribute('aria-invalid'), text.set(event.target.value)) });
  const [first, second] = [area(args, before.args), area(kwargs, before.kwargs)];
  const same = h('input', { type: 'checkbox' });
  const known = signal(null);
  get(path('calls', it.task)).then(known.set, () => {});
  ask({
    title: `Edit and send ${it.task}`,
    wide: true,
    body: [
      h('p', { class: 'hint' }, () => parameters(known())),
      field('Arguments', first, 'A JSON list'), field('Keyword arguments', second, 'A JSON object'),
      h('h3', 'What changes'),
      () => diff(`${before.args}\n${before.kwargs}`, `${args()}\n${kwargs()}`),
      h('label', { class: 'check' }, same, 'Under the same id, for who waits for its result'),
      h('p', { class: 'hint' }, 'The letter itself stays here as it came. What follows the task in its workflow follows the changed one.'),
    ],
    action: 'Send',
    act: async () => {
      const body = { id: it.id, args: parsed(first, 'Arguments', Array.isArray, 'a list'), kwargs: parsed(second, 'Keyword arguments', (value) => value !== null && typeof value === 'object' && !Array.isArray(value), 'an object'), same_id: same.checked };
      const answer = await post(path('dead', it.queue, 'edit'), body);
      say('Sent', { link: { href: to('tasks', answer.task_id), text: 'Open its task' } });
      done();
    },
  });
};

const mark = (it) => (it.mark ? h('span', { class: 'tag warn', title: `${it.mark.user}, ${moment(it.mark.at)}` }, it.mark.what === 'edited' ? 'edited and sent' : 'sent again') : null);

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
    { title: 'Task', kind: 'main', value: (it) => it.task, cell: (it) => [h('button', { class: 'link', type: 'button', onclick: () => details(it) }, it.task ?? 'cannot be read'), ' ', mark(it)] },
    { title: 'Reason', kind: 'text', show: true, value: (it) => it.reason, cell: (it) => h('span', { class: 'bad', title: cut(it.detail ?? it.reason, 500) }, cut(it.reason, 120)) },
    { title: 'Queue', show: true, value: (it) => it.queue, cell: (it) => it.queue },
    { title: 'When', show: true, value: (it) => it.at, cell: (it) => when(it.at) },
    { title: 'Deliveries', kind: 'number', value: (it) => it.deliveries, cell: (it) => count(it.deliveries) },
    { title: 'Arguments', kind: 'text mono', cell: (it) => cut(given(it), 140) },
    { title: 'Size', kind: 'number', value: (it) => it.bytes, cell: (it) => bytes(it.bytes) },
    { kind: 'act', cell: (it) => menu(`Actions of ${it.task ?? it.id}`, () => [{ text: 'Look into it', act: () => details(it) }, may('dead.replay') && { text: 'Replay …', act: () => replay([it], done) }, may('dead.edit') && it.readable !== false && { text: 'Edit and send …', act: () => edit(it, done) }, may('dead.drop') && { text: 'Delete …', act: () => forget([it], done), danger: true }]) },
  ];
  return [
    head('Dead letters', { sub: () => [source.data() ? h('span', many((source.data().queues ?? []).reduce((sum, it) => sum + (it.count ?? 0), 0), 'letter')) : null, age(source.at, 15)], actions: () => h('select', { 'aria-label': 'Queue', value: queue(), onchange: (event) => queue.set(event.target.value) }, h('option', { value: '' }, 'All queues'), (source.data()?.queues ?? []).map((it) => h('option', { value: it.queue }, `${it.queue} (${count(it.count)})`))) }),
    h('section', { class: 'card', 'aria-label': 'Letters' }, shown(source, (data) => [() => (data().note ? h('p', { class: 'hint note-line' }, data().note) : null), table('Dead letters', letters, { columns, key: (it) => it.id, sort: '-When', chosen, none: () => empty('No dead letter', 'Rust workers put a message here when its attempts are exhausted, when it cannot be read, or when nobody knows its task.') })])),
    () => (picked().length ? h('div', { class: 'bulk', role: 'toolbar', 'aria-label': 'What is chosen' }, h('strong', many(picked().length, 'letter')), may('dead.replay') ? h('button', { onclick: () => replay(picked(), done) }, 'Replay …') : null, may('dead.drop') ? h('button', { class: 'danger', onclick: () => forget(picked(), done) }, 'Delete …') : null, h('button', { class: 'plain', onclick: () => chosen.set(new Set()) }, 'Choose none')) : null),
  ];
};
