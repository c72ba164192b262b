// Schedules: run, held, sent for times that have passed, deleted.

import { all, ask, button, confirmed, main, page, pick, row, said, step, until, visit } from '../pilot.mjs';
import { confirmedJob } from './tasks.mjs';

const entry = (name) => ask(`/schedules/${name}`);

export const steps = async () => {
  await step('an entry is run, held, sent for times that have passed, and deleted', async () => {
    await visit('/schedules/often');
    await all(main().getByRole('button', { name: /^Copy / }), () => said('Copied'));
    await confirmed(() => button('Run now …').click(), 'Run now');
    await until('it was asked', async () => (await entry('often')).asked);
    await confirmed(() => button('Pause …').click(), 'Pause');
    await until('it is held', async () => (await entry('often')).paused);
    await confirmed(() => button('Resume …').click(), 'Resume');
    await until('it goes on', async () => !(await entry('often')).paused);
    const past = async (inside) => {
      const at = (hours) => new Date(Date.now() - hours * 3_600_000 - new Date().getTimezoneOffset() * 60_000).toISOString().slice(0, 16);
      await inside.getByLabel('From', { exact: true }).fill(at(3));
      await inside.getByLabel('To', { exact: true }).fill(at(0.9));
    };
    await confirmedJob(() => button('Backfill …').click(), /^Send \d+$/, past);
    await until('all were sent', async () => (await entry('often')).history.filter(({ kind }) => kind === 'backfill').length >= 2);
    await visit('/schedules');
    const menu = () => row(/^often/).getByRole('button', { name: 'Actions of often' });
    await confirmed(() => pick(menu(), 'Run now …'), 'Run now');
    await said('Sent');
    await confirmed(() => pick(menu(), 'Pause …'), 'Pause');
    await until('it is held', async () => (await entry('often')).paused);
    await row(/paused/).waitFor();
    await confirmed(() => pick(menu(), 'Resume …'), 'Resume');
    await until('it goes on', async () => !(await entry('often')).paused);
    await confirmedJob(() => pick(menu(), 'Backfill …'), /^Send \d+$/, past);
    const heads = main().locator('thead button');
    for (let at = 0; at < (await heads.count()); at += 1) await heads.nth(at).click();
    await pick(menu(), 'Open');
    await page.waitForURL(/schedules\/often/);
    const typed = (name) => (inside) => inside.getByLabel(`Type ${name} to go on`).fill(name);
    await confirmed(() => button('Delete …').click(), 'Delete', typed('often'));
    await page.waitForURL(/schedules$/);
    await confirmed(() => pick(row(/^seldom/).getByRole('button', { name: 'Actions of seldom' }), 'Delete …'), 'Delete', typed('seldom'));
    await main().getByText('Nothing is scheduled').waitFor();
  });
};
