// Tokens, and what somebody sees who may not do everything.
//
// Kept true here: a button that somebody lacks is absent on every page, in every menu and in the bars of what is
// chosen; the same visitor is refused by the API; a token that was revoked opens nothing.

import assert from 'node:assert/strict';

import { board, ask, button, confirmed, dialog, gone, main, page, row, send, step, tab, until, visit } from '../pilot.mjs';
import { opened, places } from './look.mjs';

/** What each role lacks: the page, `menu` or `bar`, and how the button is called. */
const LACKED = {
  // Everything that acts ends with three dots, but for these.
  viewer: [/ …$/, /^\w+( menu| bar)? (One more slot|One fewer slot|Set|Set limits of .*|Call|Call a task|New token|End|Stop|Go on|Revoke token .*)$/],
  operator: [/^queues? .*(Purge|Restore) …$/, /^(dead|alerts|schedules?) .*(Delete|Drop) …$/, /^schedules? (menu )?(Pause|Resume) …$/, /^tasks bar Delete results …$/, /^workers? (menu )?(Drain|Shut down) …$/, /^alerts .*(Add|Silence|End)/, /^settings (New token|Revoke)/],
};
/** What an operator has. */
const HAS = ['queue Pause …', 'queues menu Pause …', 'task Retry …', 'tasks bar Retry …', 'worker Add …', 'workers menu Add a queue …', 'tasks Call a task', 'dead bar Replay …', 'queue bar Move …', 'queue bar Delete …'];

/** Pages that have something to act on. */
const ROWS = ['tasks', 'queues', 'workers', 'dead'];

const tokens = {};

const made = async (role) => {
  const open = () => button('New token').click();
  await open();
  await button('Cancel', dialog()).click();
  await gone();
  await open();
  await dialog().getByLabel('Name', { exact: true }).fill(role);
  await dialog().getByLabel('Role', { exact: true }).selectOption(role);
  await button('Create', dialog()).click();
  await button('Copy Token', dialog()).click();
  tokens[role] = await page.evaluate(() => navigator.clipboard.readText());
  await button('Close', dialog()).click();
  await gone();
  await row(new RegExp(`^${role} ${role}`)).waitFor();
};

/** The names of all that can be pressed on a page: `queues menu Purge …`. */
const offered = async (visitor, name) => {
  const texts = async (where, within) => {
    const found = await within.locator('button, a.button, [role=menuitem]').evaluateAll((all) => all.filter((it) => it.checkVisibility()).map((it) => (it.getAttribute('aria-label') ?? it.textContent).trim()));
    return found.map((text) => `${where} ${text}`);
  };
  const all = await texts(name, visitor.locator('main'));
  const menus = visitor.locator('main').getByRole('button', { name: /^Actions of/ });
  if (await menus.count()) {
    const menu = visitor.getByRole('menu');
    // It closes when the page is scrolled.
    await until('a menu', async () => (await menu.count()) || (await menus.first().click(), false));
    all.push(...(await texts(`${name} menu`, visitor.getByRole('menu'))));
    await visitor.keyboard.press('Escape');
  }
  const boxes = visitor.locator('main tbody').getByRole('checkbox');
  if (await boxes.count()) {
    await boxes.first().check();
    const bar = visitor.getByRole('toolbar', { name: 'What is chosen' });
    await bar.waitFor();
    all.push(...(await texts(`${name} bar`, bar)));
  }
  return all;
};

/** What a role is offered anywhere. */
const everywhere = async (role) => {
  const visitor = await tab(1440, 'light', { headers: { Authorization: `Bearer ${tokens[role]}` } });
  const all = [];
  for (const [name, path] of Object.entries({ ...places(), held: '/queues/held', pool: '/workers/rust@ui?tab=pool', limits: '/workers/rust@ui?tab=tasks', consumers: '/workers/rust@ui?tab=queues' })) {
    await opened(visitor, path);
    if (ROWS.includes(name)) await visitor.locator('main tbody tr').first().waitFor();
    // Where looking is a delivery nobody looks unasked.
    const look = visitor.getByRole('button', { name: 'Look all the same' });
    if (await look.count()) await look.click();
    all.push(...(await offered(visitor, { pool: 'worker', limits: 'worker', consumers: 'worker', held: 'queue' }[name] ?? name)));
  }
  await visitor.close();
  return all;
};

const asked = (role, path) => page.request.post(`${board}/api/v1${path}`, { headers: { Authorization: `Bearer ${tokens[role]}` }, data: {} });

export const steps = async () => {
  await step('tokens are made for a viewer and an operator', async () => {
    await visit('/settings');
    for (const role of ['viewer', 'operator']) await made(role);
    await send('demo.say', ['to be moved'], 'held');
    await until('one to wait', async () => (await ask('/queues/held')).ready > 0);
  });

  await step('a viewer sees no button that acts, and is refused by the API', async () => {
    const all = await everywhere('viewer');
    assert.ok(all.length > 20, `pages were read: ${all.length}`);
    assert.deepEqual(all.filter((it) => LACKED.viewer.some((lacked) => lacked.test(it))), []);
    assert.equal((await asked('viewer', '/queues/rust/pause')).status(), 403);
  });

  await step('an operator sees what operators may do, and nothing else', async () => {
    const all = await everywhere('operator');
    assert.deepEqual(HAS.filter((it) => !all.includes(it)), []);
    assert.deepEqual(all.filter((it) => LACKED.operator.some((lacked) => lacked.test(it))), []);
    assert.equal((await asked('operator', '/workers/rust@ui/shutdown')).status(), 403);
  });

  await step('a token that was revoked opens nothing', async () => {
    await visit('/settings');
    for (const role of ['viewer', 'operator']) {
      await confirmed(() => main().getByRole('button', { name: `Revoke token ${role}` }).click(), 'Revoke');
      await main().getByRole('button', { name: `Revoke token ${role}` }).waitFor({ state: 'detached' });
      assert.equal((await asked(role, '/queues/rust/pause')).status(), 401);
    }
  });
};
