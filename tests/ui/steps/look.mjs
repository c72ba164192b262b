// Every page at two widths and in two themes: it fits, and nobody is shut out.

import { mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

import assert from 'node:assert/strict';

import { board, out, require, step, tab } from '../pilot.mjs';
import { known } from './tasks.mjs';

const axe = readFileSync(require.resolve('axe-core/axe.min.js'), 'utf8');
/** Those of WCAG 2.2 AA; what axe calls good practice besides is not asked for. */
const RULES = ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa'];
/** Where the book keeps its pictures; only when they are to be made anew. */
const book = process.env.BOOK;
/** Its pictures: no page with a path of the machine on it. */
const IN_BOOK = { overview: '/', tasks: '/tasks?q=-name:demo.read', workflow: `/workflows/${process.env.GROUP}`, dead: '/dead', charts: '/charts?measure=run' };

/** Every page, by name. */
export const places = () => ({ overview: '/', tasks: '/tasks', task: `/tasks/${known.failed}`, names: '/names', name: '/names/demo.add', workflows: '/workflows', workflow: `/workflows/${process.env.GROUP}`, queues: '/queues', queue: '/queues/rust', workers: '/workers', worker: '/workers/rust@ui', schedules: '/schedules', dead: '/dead', errors: '/errors', charts: '/charts?measure=run', alerts: '/alerts', activity: '/activity', settings: '/settings', call: '/call/demo.add' });

/** Opens a page, and waits until it shows what it has. */
export const opened = async (visitor, path) => {
  await visitor.goto(board + path);
  await visitor.getByRole('heading', { level: 1 }).waitFor();
  await visitor.waitForFunction(() => !/Loading …|Reading history …|Waiting for/.test(document.querySelector('main').innerText));
};

export const steps = async () => {
  // Colours and widths are read by axe once each.
  for (const [width, scheme, isRead] of [[1440, 'light', true], [390, 'dark', true], [1440, 'dark', false], [390, 'light', false]]) {
    const visitor = await tab(width, scheme);
    await step(`every page fits ${width} px in ${scheme}${isRead ? ', and axe has no serious finding' : ''}`, async () => {
      for (const [name, path] of Object.entries(places())) {
        await opened(visitor, path);
        await visitor.screenshot({ path: join(out, `${name}-${width}-${scheme}.png`) });
        assert.ok((await visitor.evaluate(() => document.documentElement.scrollWidth - innerWidth)) <= 0, `${name} is wider than ${width} px`);
        if (!isRead) continue;
        // Evaluated by the debugger, which the content policy does not hold.
        await visitor.evaluate(axe);
        const { violations } = await visitor.evaluate((values) => globalThis.axe.run({ resultTypes: ['violations'], runOnly: { type: 'tag', values } }), RULES);
        const bad = violations.filter(({ impact }) => ['serious', 'critical'].includes(impact));
        assert.deepEqual(bad.map(({ id, nodes }) => `${name}: ${id} ${nodes[0].html.slice(0, 160)}`), []);
      }
    });
    await visitor.close();
  }
  if (!book) return;
  await step('the book has its pictures', async () => {
    const visitor = await tab(1440, 'light');
    mkdirSync(book, { recursive: true });
    for (const [name, path] of Object.entries(IN_BOOK)) {
      await opened(visitor, path);
      await visitor.screenshot({ path: join(book, `board-${name}.png`) });
    }
    await visitor.close();
  });
};
