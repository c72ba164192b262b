// Which buttons were seen, and which were pressed.
//
// Kept true here: a button counts by what it does: the page or dialog that it is on, and its name without what
// differs from task to task.

const seen = new Map();
const pressed = new Set();

/** Writes down what is seen and pressed in a tab. */
export const watch = async (page) => {
  await page.exposeFunction('noteButton', (kind, key, place) => {
    if (kind === 'seen') seen.has(key) || seen.set(key, place);
    else pressed.add(key);
  });
  await page.addInitScript(() => {
    const BUTTONS = 'button, [role=menuitem], [role=tab], summary, a.button';
    const known = { seen: new Set(), pressed: new Set() };
    const plain = (text) =>
      text
        .replace(/\s+/g, ' ')
        .trim()
        .replace(/ [↑↓]$/, '')
        .replace(/^(Actions of|Remove|Silence:|Delete the rule|Delete the channel|Delete the view|End the silence of|Set limits of|Retry from here:|Select|Theme:|Revoke token|Revoke session of) .*/, '$1 *')
        .replace(/[\w.-]+@[\w.-]+/g, '*')
        .replace(/[\d,.]*\d/g, '#')
        .replace(/# (tasks?|messages?|letters?|runs?|steps?)/g, '#');
    const place = (element) => {
      const dialog = element.closest('dialog');
      if (dialog?.querySelector('progress')) return 'dialog of a job';
      if (dialog) return `dialog ${plain(dialog.getAttribute('aria-label') ?? '').replace(/ (of|for|from) .*| (demo|shop)\.\S+| often| seldom| celery| rust| slow| held| token .*| \*/g, ' *')}`;
      if (element.closest('.toasts')) return 'toast';
      if (!element.closest('main')) return element.closest('[role=menu]') ? `menu ${rows()}` : 'frame';
      return element.matches('td.act button') ? rows() : page();
    };
    // What is drawn, which follows the address a moment later.
    const page = () => document.querySelector('main .page')?.dataset.page ?? 'none';
    // Rows of tasks have the same menu on whatever page they are.
    const rows = () => (['overview', 'name', 'error', 'workflow', 'task', 'schedule'].includes(page()) ? 'tasks' : page());
    const keyOf = (element) => {
      const name = plain(element.getAttribute('aria-label') ?? element.textContent);
      if (element.closest('.facets')) return `${place(element)} filter`;
      // What a person named.
      if (element.dataset.own !== undefined) return `${place(element)} own`;
      return `${place(element)} "${name}"`;
    };
    const note = (kind, element) => {
      const key = keyOf(element);
      if (known[kind].has(key)) return;
      known[kind].add(key);
      globalThis.noteButton(kind, key, location.pathname);
    };
    let due = false;
    const look = () => {
      due = false;
      for (const element of document.querySelectorAll(BUTTONS)) if (element.checkVisibility() && !element.disabled) note('seen', element);
    };
    const soon = () => {
      if (due) return;
      due = true;
      setTimeout(look, 50);
    };
    addEventListener('DOMContentLoaded', () => new MutationObserver(soon).observe(document, { subtree: true, childList: true, attributes: true, attributeFilter: ['hidden', 'disabled', 'open'] }));
    addEventListener('click', (event) => {
      const element = event.target instanceof Element && event.target.closest(BUTTONS);
      if (element) note('pressed', element);
    }, true);
  });
};

/** Those that were seen and not pressed. */
export const missed = () => [...seen].filter(([key]) => !pressed.has(key)).map(([key, place]) => `${key} (${place})`);

/** How many were. */
export const count = () => pressed.size;
