// A list of choices below an input: arrow keys move, Enter takes, a click takes.

import { h } from '../core/dom.js';
import { effect, signal } from '../core/signal.js';

let count = 0;

/**
 * Gives `{ box, chosen, keydown }` for `input`: `options()` are shown by `draw(option)`; `take(option)` is called
 * with the one that was taken. Nothing is chosen before somebody moves, unless `eager`.
 */
export const choices = (input, options, draw, take, { eager = false } = {}) => {
  const id = `list${(count += 1)}`;
  const chosen = signal(eager ? 0 : -1);
  input.setAttribute('role', 'combobox');
  input.setAttribute('aria-controls', id);
  input.setAttribute('aria-autocomplete', 'list');
  effect(() => {
    const many = options().length;
    if (chosen.peek() >= many) chosen.set(eager && many ? 0 : -1);
    input.setAttribute('aria-expanded', String(many > 0));
    const active = chosen();
    if (active >= 0) input.setAttribute('aria-activedescendant', `${id}-${active}`);
    else input.removeAttribute('aria-activedescendant');
  });
  const box = h('div', { role: 'listbox', id, 'aria-label': 'Suggestions', hidden: () => options().length === 0 }, () =>
    options().map((option, place) =>
      h('div', { role: 'option', id: `${id}-${place}`, 'aria-selected': () => String(chosen() === place), onpointerdown: (event) => event.preventDefault(), onclick: () => take(option) }, draw(option)),
    ),
  );
  const keydown = (event) => {
    const many = options().length;
    if ((event.key === 'ArrowDown' || event.key === 'ArrowUp') && many) {
      event.preventDefault();
      chosen.set((chosen.peek() + (event.key === 'ArrowDown' ? 1 : -1) + many) % many);
      box.children[chosen.peek()]?.scrollIntoView({ block: 'nearest' });
      return true;
    }
    if ((event.key === 'Enter' || (event.key === 'Tab' && chosen.peek() >= 0 && !eager)) && many && chosen.peek() >= 0) {
      event.preventDefault();
      take(options()[chosen.peek()]);
      return true;
    }
    return false;
  };
  return { box, chosen, keydown };
};
