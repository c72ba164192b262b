// One workflow: its graph, when each task waited and ran, and its tasks as a list.

import { may, path, post } from '../core/api.js';
import { h, svg } from '../core/dom.js';
import { resource } from '../core/resource.js';
import { parameter, to } from '../core/router.js';
import { brief, count, duration, many } from '../core/format.js';
import { toMany } from '../part/bulk.js';
import { ask } from '../part/dialog.js';
import { graph } from '../part/graph.js';
import { age, empty, shown } from '../part/notice.js';
import { card, facts, head, tabs } from '../part/page.js';
import { taskTable, when } from '../part/rows.js';
import { chip, isOver, tone } from '../part/state.js';
import { say } from '../part/toast.js';

const begun = (it) => it.started ?? it.received ?? it.sent ?? null;

const waterfall = (list) => {
  const known = list.filter((it) => (it.sent ?? begun(it)) !== null);
  if (!known.length) return empty('No times were heard', 'The waterfall needs the events of the tasks.');
  const from = Math.min(...known.map((it) => it.sent ?? begun(it)));
  const till = Math.max(from + 0.001, ...known.map((it) => it.ended ?? begun(it) ?? it.sent));
  const x = (time) => ((time - from) / (till - from)) * 1000;
  const row = (it) => {
    const [sent, start] = [it.sent ?? begun(it), begun(it)];
    const end = it.ended ?? till;
    return h(
      'div', { class: `row ${it.critical ? 'strong' : ''}` },
      h('a', { class: 'name', href: to('tasks', it.id), title: it.name ?? it.id }, it.name ?? brief(it.id)),
      svg('svg', { viewBox: '0 0 1000 16', preserveAspectRatio: 'none', role: 'img', class: tone(it.state), 'aria-label': `waited ${duration(start === null ? null : start - sent)}, ran ${duration(start === null ? null : end - start)}` }, start === null ? null : svg('rect', { class: 'wait', x: x(sent), y: 5, width: Math.max(0, x(start) - x(sent)), height: 6 }), start === null ? null : svg('rect', { class: 'run', x: x(start), y: 2, width: Math.max(3, x(end) - x(start)), height: 12, rx: 2 })),
      h('span', { class: 'number muted' }, duration(start === null ? null : end - start)),
    );
  };
  return [h('p', { class: 'muted small' }, `${duration(till - from)} from the first to the last. Bold: on the critical path, where known.`), h('div', { class: 'bars' }, known.slice(0, 300).map(row))];
};

/** The page. */
export default ({ root }) => {
  const source = resource(() => path('workflows', root), { every: 4, on: () => true });
  const tab = parameter('tab');
  const first = () => source.data()?.tasks?.find((task) => task.id === root) ?? source.data()?.tasks?.[0];
  const act = (verb, title, text, action, danger) => () =>
    ask({ title, body: h('p', text), action, danger, act: async () => {
      const answer = await post(path('workflows', root, verb));
      say(answer?.note ?? 'Workers were told');
      source.again();
    } });
  const open = () => (source.data()?.tasks ?? []).filter((task) => !isOver(task.state)).length;
  const failed = () => (source.data()?.tasks ?? []).filter((task) => task.state === 'FAILURE').length;
  const retry = (from, text) =>
    ask({ title: from ? 'Retry from here?' : 'Retry the failed steps?', body: [h('p', text), h('p', { class: 'hint' }, 'They run again under their own ids with the arguments they had. What has succeeded keeps its result; what failed with them waits for them again.')], action: 'Retry', act: async () => {
      const answer = await post(path('workflows', root, 'retry'), from ? { from } : {});
      say(`${many(answer.tasks.length, 'step')} sent again`);
      source.again();
    } });
  const steps = () => source.data()?.failed_steps ?? [];
  const fromHere = (data) => {
    if (!steps().length || !may('task.retry')) return null;
    const names = new Map(data().tasks.map((task) => [task.id, task.name]));
    return card('Steps that failed', h('ul', { class: 'stack-tight' }, steps().map((id) => h('li', { class: 'between' }, h('a', { href: to('tasks', id) }, `${names.get(id) ?? 'task'} `, h('code', brief(id))), h('button', { type: 'button', 'aria-label': `Retry from here: ${names.get(id) ?? id}`, onclick: () => retry(id, 'This step runs again, and what follows it. Others that failed stay as they are.') }, 'Retry from here …')))));
  };
  const drawn = (data) => () => data().graph;
  const choices = (data) => {
    const all = {
      graph: ['Graph', () => (data().graph?.nodes?.length ? graph(drawn(data)) : empty('No graph', 'The tasks are known, but not how they belong together.'))],
      waterfall: ['Waterfall', () => card('Waiting and running', () => waterfall(data().waterfall))],
      list: ['List', () => card('Tasks', taskTable('Tasks of the workflow', () => data().tasks, { columns: ['state', 'name', 'id', 'received', 'wait', 'run', 'worker', 'outcome'], done: source.again }), { tight: true })],
    };
    // On a phone the list is read first.
    return innerWidth < 680 ? { list: all.list, waterfall: all.waterfall, graph: all.graph } : all;
  };
  return [
    head(h('span', () => first()?.name ?? 'Workflow'), {
      crumb: { href: to('workflows'), text: 'Workflows' },
      sub: () => [first() ? (failed() && !open() ? chip('FAILURE') : chip(first().state, first().reason)) : null, h('code', root), first() ? when(first().sent ?? first().timestamp) : null, age(source.at, 15)],
      actions: () => [h('a', { class: 'button', href: to('tasks', root) }, 'First task'), may('task.retry') && steps().length ? h('button', { onclick: () => retry(null, `${many(steps().length, 'step')} that failed run again, and what follows them.`) }, 'Retry what failed …') : may('task.retry') && failed() ? h('button', { title: source.data()?.failed_note ?? 'No step of it failed on a taskq worker, which would know what follows.', onclick: () => toMany('retry', { targets: source.data.peek().tasks.filter((task) => task.state === 'FAILURE').map((task) => task.id) }, source.again) }, `Send ${count(failed())} failed alone …`) : null, may('task.revoke') && open() ? h('button', { class: 'danger', onclick: act('cancel', 'Cancel the workflow?', `${many(open(), 'task')} that are not over are revoked. Those that run end first.`, 'Cancel the workflow', true) }, 'Cancel …') : null],
    }),
    shown(source, (data) => [
      card('So far', () => facts([['Tasks', count(data().tasks.length)], ['Over', count(data().tasks.filter((task) => isOver(task.state)).length)], ['Failed', count(failed())], ['Ran in all', duration(data().tasks.reduce((sum, task) => sum + (task.run ?? 0), 0))]])),
      () => fromHere(data),
      tabs('Views', tab, choices(data)),
    ]),
  ];
};
