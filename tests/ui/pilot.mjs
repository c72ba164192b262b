// A browser at the board, and what a step of the test does with it.
//
// Kept true here: a step waits for what it expects, and fails by name; no message in the console, and no violation
// of the content policy, passes.

import { mkdirSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';

import { watch } from './buttons.mjs';

const { TASKQ_TEST_UI: modules, TASKQ_TEST_CHROMIUM: executablePath, BOARD, OUT } = process.env;
export const require = createRequire(join(modules, 'package.json'));
const { chromium } = require('playwright-core');

/** The address of the board, the folder for pictures, and the kind of broker: `redis` or `amqp`. */
export const [board, out, broker] = [BOARD, OUT, process.env.BROKER];
mkdirSync(out, { recursive: true });

const PATIENCE = 20_000;
const browser = await chromium.launch({ executablePath, args: ['--no-sandbox'] });
export const complaints = [];
// A refusal of the API is shown on the page, and a browser logs it by itself: a task that no event told of yet, a
// query that cannot be read.
const isRefusal = (message) => message.location().url.includes('/api/v1/') && /status of 4\d\d/.test(message.text());

/** A tab of its own; `headers` go with all it asks for. */
export const tab = async (width, colorScheme, { isWatched = false, headers = {} } = {}) => {
  const context = await browser.newContext({ extraHTTPHeaders: headers, viewport: { width, height: width > 500 ? 900 : 780 }, colorScheme, reducedMotion: 'reduce', permissions: ['clipboard-read', 'clipboard-write'] });
  const page = await context.newPage();
  page.setDefaultTimeout(PATIENCE);
  page.on('console', (message) => {
    if (['error', 'warning'].includes(message.type()) && !isRefusal(message)) complaints.push(`${page.url()}: ${message.text()} ${message.location().url}`);
  });
  page.on('pageerror', (error) => complaints.push(`${page.url()}: ${error.stack}`));
  if (isWatched) await watch(page);
  return page;
};

/** The tab that the steps share; which of its buttons are pressed is written down. */
export const page = await tab(1440, 'light', { isWatched: true });

/** Something that has to go well. */
export const step = async (name, work) => {
  const began = Date.now();
  try {
    await work();
  } catch (error) {
    await page.screenshot({ path: join(out, 'failed.png') });
    const shown = await page.locator('body').innerText();
    throw new Error(`${name}: ${error.stack}\non ${page.url()}: ${shown.slice(0, 2500)}\n${complaints.join('\n')}`);
  }
  console.log(`ok ${name} (${Date.now() - began} ms)`);
};

/** Asks the API what is so, beside the page. */
export const ask = (path) => page.evaluate((url) => fetch(url).then((answer) => answer.json()), `/api/v1${path}`);

/** Waits until `check` gives something. */
export const until = async (what, check) => {
  const end = Date.now() + PATIENCE;
  for (;;) {
    const value = await check();
    if (value) return value;
    if (Date.now() > end) throw new Error(`waited in vain for ${what}`);
    await page.waitForTimeout(100);
  }
};

export const visit = async (path) => {
  await page.goto(board + path);
  await page.getByRole('heading', { level: 1 }).waitFor();
};
export const main = () => page.locator('main');
export const dialog = () => page.getByRole('dialog');
export const button = (name, within = main()) => within.getByRole('button', typeof name === 'string' ? { name, exact: true } : { name });
export const heading = (text) => page.getByRole('heading', { level: 1, name: text }).waitFor();
export const row = (name) => main().getByRole('row', { name });
export const gone = () => dialog().waitFor({ state: 'detached' });
export const said = (text) => page.locator('.toasts').getByText(text).first().waitFor();

/** Presses what asks first: it is asked twice, refused once, and confirmed by `answer` after `fill`. */
export const confirmed = async (open, answer, fill = async () => {}) => {
  await open();
  await button('Cancel', dialog()).first().click();
  await gone();
  await open();
  await fill(dialog());
  await button(answer, dialog()).last().click();
  await until('the end of the dialog', async () => {
    // A worker that is slow to answer is listed in a dialog of its own; whether it obeyed is seen from what it does.
    if (await dialog().getByText('did not answer').count()) await button('Close', dialog()).click();
    // On a busy machine an answer may come after the board has waited for it: then it is pressed once more.
    if (await dialog().getByText('no worker consumes').count()) await button(answer, dialog()).last().click();
    return (await dialog().count()) === 0;
  });
};

/** Picks from the menu of a row, or of a button; a menu closes when the page is scrolled, so it may be opened again. */
export const pick = async (of, entry) => {
  const item = page.getByRole('menu').getByRole('menuitem', { name: entry, exact: true });
  await until(`${entry} in the menu`, async () => {
    if ((await item.count()) === 0) {
      // A click may be done although its end was not heard of in time.
      if (await dialog().count()) return true;
      await of.click();
    }
    return item.click({ timeout: 5000 }).then(() => true, () => false);
  });
};

/** Presses all of a kind, one after the other, as soon as there is one. */
export const all = async (buttons, after = async () => {}) => {
  await buttons.first().waitFor();
  for (let at = 0; at < (await buttons.count()); at += 1) {
    await buttons.nth(at).click();
    await after();
  }
};

/** Sorts by every column, both ways; the rows stay. */
export const sorted = async (table) => {
  const heads = table.locator('thead button');
  await heads.first().waitFor();
  for (let at = 0; at < (await heads.count()); at += 1) {
    await heads.nth(at).click();
    await table.locator('thead th[aria-sort]').waitFor();
  }
};

export const state = async (id) => (await ask(`/tasks/${id}`)).task?.state;
export const is = (id, wanted) => until(`${id} to be ${wanted}`, async () => (await state(id)) === wanted);

/** Sends a task as programs do. */
export const send = (name, args, queue) =>
  page.evaluate(async (body) => {
    const { csrf } = await (await fetch('/api/v1/session')).json();
    const answer = await fetch('/api/v1/calls', { method: 'POST', headers: { 'Content-Type': 'application/json', 'X-Taskq-CSRF': csrf ?? '', 'X-XSRFToken': csrf ?? '' }, body: JSON.stringify(body) });
    return (await answer.json()).id;
  }, { name, args, queue });

/** Ends the browser. */
export const close = () => browser.close();
