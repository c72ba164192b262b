// What can be told to a worker.

import { may, path, post } from '../core/api.js';
import { h } from '../core/dom.js';
import { to, toQuery } from '../core/router.js';
import { ask, field } from './dialog.js';
import { menu } from './menu.js';
import { replies } from './reply.js';

const tell = async (worker, verb, body, done) => {
  const answer = await post(path('workers', worker.name, verb), body);
  const refused = (answer?.replies ?? []).filter(({ ok }) => !ok);
  if (refused.length && refused.length === answer.replies.length) throw Object.assign(new Error(refused.map(({ text }) => text).join('; ')), { title: `${worker.name} refused` });
  replies(`${verb} ${worker.name}`, answer);
  done?.();
};

/** Lets it finish what it has, and ends it. */
export const drain = (worker, done) =>
  ask({ title: `Drain ${worker.name}?`, body: h('p', 'It stops consuming, finishes what it holds, and then shuts down.'), action: 'Drain', danger: true, act: () => tell(worker, 'drain', {}, done) });

/** Ends it. */
export const shutdown = (worker, done) =>
  ask({ title: `Shut down ${worker.name}?`, body: h('p', 'It finishes what runs and ends. Nothing here starts it again.'), action: 'Shut down', danger: true, type: worker.name, act: () => tell(worker, 'shutdown', {}, done) });

/** More or fewer slots. */
export const resize = (worker, by, done) => tell(worker, by > 0 ? 'pool-grow' : 'pool-shrink', { n: Math.abs(by) }, done);

/** A pool of fresh processes. */
export const restart = (worker, done) =>
  ask({ title: `Restart the pool of ${worker.name}?`, body: h('p', 'Processes are replaced; a Python worker allows it only with worker_pool_restarts.'), action: 'Restart', danger: true, act: () => tell(worker, 'pool-restart', {}, done) });

/** Between how many slots it may choose. */
export const autoscale = (worker, done) => {
  const [min, max] = [h('input', { type: 'number', min: '0', required: true, value: '1' }), h('input', { type: 'number', min: '1', required: true, value: String(worker.slots ?? 4) })];
  ask({ title: `Autoscale ${worker.name}`, body: h('div', { class: 'fields' }, field('At least', min), field('At most', max)), action: 'Set', act: () => tell(worker, 'autoscale', { min: Number(min.value), max: Number(max.value) }, done) });
};

/** A queue more. */
export const addConsumer = (worker, done) => {
  const queue = h('input', { required: true, autofocus: true });
  ask({ title: `Let ${worker.name} consume a queue`, body: field('Queue', queue), action: 'Add', act: () => tell(worker, 'add-consumer', { queue: queue.value.trim() }, done) });
};

/** A queue less. */
export const cancelConsumer = (worker, queue, done) =>
  ask({ title: `Stop ${worker.name} consuming ${queue}?`, body: h('p', 'What it holds of the queue still runs.'), action: 'Stop consuming', danger: true, act: () => tell(worker, 'cancel-consumer', { queue }, done) });

/** How often a task may start, and how long it may run. */
export const limits = (worker, name, done) => {
  const task = h('input', { required: true, value: name ?? '', autofocus: !name });
  const rate = h('input', { placeholder: 'such as 10/m; 0 is none' });
  const [soft, hard] = [h('input', { type: 'number', min: '0', step: 'any' }), h('input', { type: 'number', min: '0', step: 'any' })];
  ask({
    title: `Limits on ${worker.name}`,
    body: [field('Task', task), h('div', { class: 'fields' }, field('Rate', rate, 'Starts per s, m or h'), field('Soft time limit', soft, 'Seconds'), field('Hard time limit', hard, 'Seconds'))],
    action: 'Set',
    act: async () => {
      if (!rate.value.trim() && !soft.value && !hard.value) throw Object.assign(new Error('Give a rate or a time limit.'), { title: 'Nothing to set' });
      if (rate.value.trim()) await tell(worker, 'rate-limit', { task: task.value, rate_limit: rate.value.trim() });
      if (soft.value || hard.value) await tell(worker, 'time-limit', { task: task.value, soft: soft.value ? Number(soft.value) : null, hard: hard.value ? Number(hard.value) : null });
      done?.();
    },
  });
};

/** Actions of a worker's row. */
export const workerMenu = (item, done) =>
  menu(`Actions of ${item.peek().name}`, () => {
    const worker = item.peek();
    const isThere = worker.status !== 'offline';
    return [
      { text: 'Open', href: to('workers', worker.name) },
      { text: 'Its tasks', href: toQuery(['tasks'], { q: `worker:${worker.name}` }) },
      isThere && may('worker.consumers') && { text: 'Add a queue …', act: () => addConsumer(worker, done) },
      isThere && may('worker.pool') && { text: 'Restart the pool …', act: () => restart(worker, done) },
      isThere && may('worker.shutdown') && { text: 'Drain …', act: () => drain(worker, done), danger: true },
      isThere && may('worker.shutdown') && { text: 'Shut down …', act: () => shutdown(worker, done), danger: true },
    ];
  });
