// Presses the board's buttons in a real browser, and checks what came of it.
//
// Variables: TASKQ_TEST_UI (folder with node_modules), TASKQ_TEST_CHROMIUM, BOARD (its address), OUT (folder for
// pictures). Beside the board run a Rust worker `rust@ui` on the queues `rust` and `slow`, and a Python worker
// `python@ui` with `shop.py` on `celery`.
//
// Kept true here: a step waits for what it expects, and fails by name; no message in the console, and no violation
// of the content policy, passes.

import assert from 'node:assert/strict';
import { mkdirSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';

const { TASKQ_TEST_UI: modules, TASKQ_TEST_CHROMIUM: executablePath, BOARD: board, OUT: out } = process.env;
const require = createRequire(join(modules, 'package.json'));
const { chromium } = require('playwright-core');
const axe = readFileSync(require.resolve('axe-core/axe.min.js'), 'utf8');
mkdirSync(out, { recursive: true });

const browser = await chromium.launch({ executablePath, args: ['--no-sandbox'] });
const complaints = [];
// A refusal of the API is shown on the page, and a browser logs it by itself: a task that no event told of yet, a
// query that cannot be read.
const isRefusal = (message) => message.location().url.includes('/api/v1/') && /status of 4\d\d/.test(message.text());

const tab = async (width, colorScheme) => {
  const context = await browser.newContext({ viewport: { width, height: width > 500 ? 900 : 780 }, colorScheme, reducedMotion: 'reduce' });
  const page = await context.newPage();
  page.setDefaultTimeout(20_000);
  page.on('console', (message) => {
    if (['error', 'warning'].includes(message.type()) && !isRefusal(message)) complaints.push(`${page.url()}: ${message.text()} ${message.location().url}`);
  });
  page.on('pageerror', (error) => complaints.push(`${page.url()}: ${error.stack}`));
  return page;
};

const step = async (name, work) => {
  const began = Date.now();
  try {
    await work();
  } catch (error) {
    await page.screenshot({ path: join(out, 'failed.png') });
    throw new Error(`${name}: ${error.stack}\non the page: ${(await page.locator('main').innerText()).slice(0, 1500)}\n${complaints.join('\n')}`);
  }
  console.log(`ok ${name} (${Date.now() - began} ms)`);
};

const page = await tab(1440, 'light');
const ask = (path) => page.evaluate((url) => fetch(url).then((answer) => answer.json()), `/api/v1${path}`);
const button = (name, within = page) => within.getByRole('button', { name });
const dialog = () => page.getByRole('dialog');
const until = async (what, check) => {
  const end = Date.now() + 20_000;
  for (;;) {
    const value = await check();
    if (value) return value;
    if (Date.now() > end) throw new Error(`waited in vain for ${what}`);
    await page.waitForTimeout(150);
  }
};
const heading = (text) => page.getByRole('heading', { level: 1, name: text }).waitFor();
const state = (id) => async () => (await ask(`/tasks/${id}`)).task?.state;
const is = (id, wanted) => until(`${id} to be ${wanted}`, async () => (await state(id)()) === wanted);

const call = async (name, args, queue) => {
  await page.goto(`${board}/call`);
  await page.getByLabel('Task', { exact: true }).fill(name);
  await page.getByLabel('Arguments', { exact: true }).fill(JSON.stringify(args));
  await page.getByLabel('Queue', { exact: true }).fill(queue);
  await button('Send').click();
  await page.waitForURL(/\/tasks\/[0-9a-f-]{36}$/);
  return page.url().split('/').pop();
};

let failed;
let sleeping;

await step('both workers are there', async () => {
  await page.goto(`${board}/workers`);
  for (const name of ['rust@ui', 'python@ui']) await page.getByRole('row', { name: new RegExp(`${name} .*Online`) }).waitFor();
});

await step('a task is called from the form and its result shown', async () => {
  const id = await call('demo.add', [20, 22], 'rust');
  await is(id, 'SUCCESS');
  await page.getByText('Succeeded').first().waitFor();
  await page.getByText('42', { exact: true }).first().waitFor();
});

await step('a failed Python task is retried, and the new one runs', async () => {
  failed = await call('shop.always_fails', [7], 'celery');
  await is(failed, 'FAILURE');
  await page.getByText('payment gateway returned 7').first().waitFor();
  await button('Retry …').first().click();
  await button('Retry', dialog()).last().click();
  await page.getByRole('link', { name: 'Open the new one' }).click();
  await until('another task', () => page.url().split('/').pop() !== failed);
  await is(page.url().split('/').pop(), 'FAILURE');
});

await step('a running task is terminated', async () => {
  sleeping = await call('demo.sleep', [600], 'slow');
  await is(sleeping, 'STARTED');
  await button('Terminate …').click();
  await button('Terminate', dialog()).last().click();
  await is(sleeping, 'REVOKED');
});

await step('a waiting task is revoked and never runs', async () => {
  await page.goto(`${board}/queues/rust`);
  await button('Pause …').click();
  await button('Pause', dialog()).last().click();
  await button('Resume …').waitFor();
  const id = await call('demo.add', [1, 1], 'rust');
  await button('Revoke …').click();
  await button('Revoke', dialog()).last().click();
  await dialog().waitFor({ state: 'detached' });
  await page.goto(`${board}/queues/rust`);
  await button('Resume …').click();
  await button('Resume', dialog()).last().click();
  await button('Pause …').waitFor();
  await is(id, 'REVOKED');
});

await step('a Python pool grows', async () => {
  // The node's own count of its processes: its limit stays as it was.
  const processes = async () => (await ask('/workers/python@ui')).stats?.value?.pool?.processes?.length;
  const before = await until('its processes', processes);
  await page.goto(`${board}/workers/python@ui?tab=pool`);
  await button('One more slot').click();
  await until('one more process', async () => (await processes()) === before + 1);
});

await step('the query finds what failed, and says what it cannot read', async () => {
  await page.goto(`${board}/tasks`);
  const box = page.getByRole('combobox', { name: 'Search tasks' });
  await box.fill('state:failure name:shop.always_fails');
  await box.press('Enter');
  await page.getByRole('link', { name: 'shop.always_fails' }).first().waitFor();
  assert.ok(page.url().includes('q=state%3Afailure'));
  // The list from before the query has the link, too.
  await until('the other tasks to go', async () => (await page.getByRole('row', { name: /Succeeded/ }).count()) === 0);
  await box.fill('wait:>>');
  await box.press('Enter');
  await page.locator('main [role=alert]').first().waitFor();
});

await step('keys go to places, the palette finds a worker, and help closes', async () => {
  await page.goto(`${board}/`);
  await heading('Overview');
  await page.keyboard.press('g');
  await page.keyboard.press('q');
  await heading('Queues');
  await page.keyboard.press('Control+k');
  await page.getByRole('combobox', { name: 'Search or command' }).fill('python@ui');
  await page.getByRole('option', { name: /python@ui.*Worker/ }).waitFor();
  await page.keyboard.press('Enter');
  await heading('python@ui');
  await page.keyboard.press('?');
  await dialog().getByRole('heading', { name: 'Keyboard' }).waitFor();
  await page.keyboard.press('Escape');
  await dialog().waitFor({ state: 'detached' });
});

await step('what was done is written down', async () => {
  await page.goto(`${board}/activity`);
  for (const action of ['retry', 'terminate', 'pause']) await page.getByRole('button', { name: new RegExp(action) }).first().waitFor();
});

const PLACES = { overview: '/', tasks: '/tasks', task: `/tasks/${failed}`, names: '/names', workflows: '/workflows', queues: '/queues', queue: '/queues/rust', workers: '/workers', worker: '/workers/rust@ui', schedules: '/schedules', dead: '/dead', errors: '/errors', activity: '/activity', settings: '/settings', call: '/call' };

for (const [width, scheme] of [[1440, 'light'], [390, 'dark']]) {
  const visitor = await tab(width, scheme);
  await step(`every page fits ${width} px in ${scheme}, and axe has no serious finding`, async () => {
    for (const [name, path] of Object.entries(PLACES)) {
      await visitor.goto(board + path);
      await visitor.getByRole('heading', { level: 1 }).waitFor();
      await visitor.waitForLoadState('load');
      await visitor.waitForFunction(() => !/Loading …|Reading history …/.test(document.querySelector('main').innerText));
      await visitor.screenshot({ path: join(out, `${name}-${width}-${scheme}.png`) });
      assert.ok((await visitor.evaluate(() => document.documentElement.scrollWidth - innerWidth)) <= 0, `${name} is wider than ${width} px`);
      // Evaluated by the debugger, which the content policy does not hold.
      await visitor.evaluate(axe);
      const { violations } = await visitor.evaluate(() => globalThis.axe.run());
      const bad = violations.filter(({ impact }) => ['serious', 'critical'].includes(impact));
      assert.deepEqual(bad.map(({ id, nodes }) => `${name}: ${id} ${nodes[0].html.slice(0, 160)}`), []);
    }
  });
}

await browser.close();
assert.deepEqual(complaints, []);
console.log('all steps passed');
