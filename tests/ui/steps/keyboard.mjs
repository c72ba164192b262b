// What the keyboard does, and the frame around the pages.

import { board, dialog, gone, heading, main, page, row, step, until, visit } from '../pilot.mjs';

const press = (...keys) => keys.reduce((before, key) => before.then(() => page.keyboard.press(key)), Promise.resolve());
const focused = () => page.evaluate(() => document.activeElement?.closest('tr')?.dataset.key ?? null);

export const steps = async () => {
  await step('keys go to places, the palette finds a worker, and help closes', async () => {
    await visit('/');
    await press('g', 't');
    await heading('Tasks');
    await press('g', 'q');
    await heading('Queues');
    await press('Control+k');
    await page.getByRole('combobox', { name: 'Search or command' }).fill('python@ui');
    await page.getByRole('option', { name: /python@ui.*Worker/ }).waitFor();
    await press('Enter');
    await heading('python@ui');
    await press('?');
    await dialog().getByRole('heading', { name: 'Keyboard' }).waitFor();
    await press('Escape');
    await gone();
    await press('?');
    await dialog().getByRole('button', { name: 'Close' }).click();
    await gone();
  });

  await step('a list is walked, chosen from and opened without a pointer', async () => {
    await visit('/tasks?q=name:demo.fail');
    await row(/demo\.fail/).nth(2).waitFor();
    await press('/');
    await until('the search', () => page.evaluate(() => document.activeElement?.matches('[data-search]')));
    await press('Escape');
    await press('j', 'j');
    const second = await focused();
    await press('k');
    await until('the row before', async () => (await focused()) !== second);
    await press('x');
    await page.getByRole('toolbar', { name: 'What is chosen' }).getByText('1 task', { exact: true }).waitFor();
    await press('x');
    await press('.');
    await page.getByRole('menu').waitFor();
    await press('Escape');
    await page.getByRole('menu').waitFor({ state: 'detached' });
    await visit('/tasks?q=name:demo.fail');
    await row(/demo\.fail/).first().waitFor();
    await press('j');
    const id = await focused();
    await press('Enter');
    await page.waitForURL(`${board}/tasks/${id}`);
    await main().getByRole('button', { name: 'Edit and retry …' }).waitFor();
    await press('e');
    await dialog().getByRole('heading', { name: /^Edit and retry/ }).waitFor();
    await press('Escape');
    await gone();
  });

  await step('what is drawn anew takes neither the focus nor a click along', async () => {
    await visit('/workers/rust@ui');
    const drain = main().getByRole('button', { name: 'Drain …' });
    const drawn = () => page.evaluate(() => globalThis.before !== [...document.querySelectorAll('main button')].find((it) => it.textContent === 'Drain …'));
    const mark = () => page.evaluate(() => (globalThis.before = [...document.querySelectorAll('main button')].find((it) => it.textContent === 'Drain …')) && null);
    await drain.focus();
    await mark();
    await until('it to be drawn anew', drawn);
    await until('the focus on it', () => page.evaluate(() => document.activeElement?.textContent === 'Drain …'));
    const { x, y } = await drain.boundingBox();
    await page.mouse.move(x + 5, y + 5);
    // An answer comes, and would draw it anew, while it is pressed.
    const url = /api\/v1\/workers\/rust/;
    await new Promise((pressed) =>
      page.route(url, async (route) => {
        const response = await route.fetch();
        await page.mouse.down();
        await route.fulfill({ response });
        pressed();
      }, { times: 1 }));
    await page.waitForTimeout(200);
    await page.mouse.up();
    await dialog().getByRole('heading', { name: 'Drain rust@ui?' }).waitFor();
    await press('Escape');
    await gone();
  });

  await step('the bar searches, stops and changes the theme', async () => {
    await visit('/');
    await page.getByRole('button', { name: /^Search or command/ }).click();
    await press('Escape');
    await gone();
    await page.getByRole('button', { name: 'Stop live numbers' }).click();
    await page.getByRole('status').getByText('Paused').waitFor();
    await page.getByRole('button', { name: 'Go on with live numbers' }).click();
    for (const theme of ['light', 'dark', undefined]) {
      await page.getByRole('button', { name: /^Theme:/ }).click();
      await until(`the theme ${theme}`, () => page.evaluate((wanted) => document.documentElement.dataset.theme === wanted, theme));
    }
    await visit('/');
    await press('Tab', 'Enter');
    await until('the content', () => page.evaluate(() => location.hash === '#main'));
  });

  await step('on a phone the bar below opens the other places', async () => {
    await page.setViewportSize({ width: 390, height: 780 });
    await visit('/');
    await page.getByRole('button', { name: 'More' }).click();
    await page.getByRole('navigation', { name: 'Board' }).getByRole('link', { name: 'Alerts' }).click();
    await heading('Alerts');
    await page.setViewportSize({ width: 1440, height: 900 });
  });
};
