// Questions before something is done.
//
// Kept true here: focus stays inside and comes back to where it was; what failed is said in the dialog, with
// everything that was typed still there; the worst is typed before it is done.

import { h } from '../core/dom.js';
import { scope, signal, untracked } from '../core/signal.js';
import { trouble } from './notice.js';

/** Opens a dialog with `content(close)`. Gives what closes it. */
export const open = (title, content, { wide = false, kind = '' } = {}) => {
  /** @type {any} */
  const back = document.activeElement;
  let stop = () => {};
  const dialog = h('dialog', { class: `${wide ? 'wide' : ''} ${kind}`, 'aria-label': title });
  const close = () => dialog.close();
  dialog.addEventListener('close', () => {
    stop();
    dialog.remove();
    back?.isConnected && back.focus();
  });
  dialog.addEventListener('click', (event) => event.target === dialog && close());
  const [node, end] = scope(() => h('div', content(close)));
  stop = end;
  dialog.append(node);
  document.body.append(dialog);
  dialog.showModal();
  return close;
};

/** Opens a dialog that only shows `content(close)`. */
export const show = (title, content, { heading = title, wide = false } = {}) =>
  open(
    title,
    (close) =>
      h(
        'form', { method: 'dialog' },
        h('h2', heading),
        content(close),
        h('div', { class: 'buttons' }, h('button', { type: 'button', class: 'primary', onclick: close }, 'Close')),
      ),
    { wide },
  );

let fields = 0;

/** A field with its label, and a hint below. */
export const field = (label, control, hint = '') => {
  const id = `f${(fields += 1)}`;
  control.id = id;
  if (hint) control.setAttribute('aria-describedby', `${id}h`);
  return h('div', { class: 'field' }, h('label', { for: id }, label), control, hint ? h('span', { class: 'hint', id: `${id}h` }, hint) : null);
};

/**
 * Asks, then does: `act()` may take its time; when it fails, the dialog stays and says why. `type`: what has to be
 * typed first. `body`, or what it makes, is shown above the buttons.
 */
export const ask = ({ title, body = null, action, danger = false, type = '', act, wide = false }) =>
  open(
    title,
    (close) => {
      const [busy, problem, typed] = [signal(false), signal(null), signal('')];
      const submit = async (event) => {
        event.preventDefault();
        busy.set(true);
        problem.set(null);
        try {
          await act();
          close();
        } catch (error) {
          problem.set(error);
        } finally {
          busy.set(false);
        }
      };
      return h(
        'form', { method: 'dialog', onsubmit: submit },
        h('h2', title),
        typeof body === 'function' ? untracked(body) : body,
        type
          ? field(`Type ${type} to go on`, h('input', { autocomplete: 'off', autofocus: true, spellcheck: 'false', oninput: (event) => typed.set(event.target.value) }))
          : null,
        () => (problem() ? trouble(problem()) : null),
        h(
          'div', { class: 'buttons' },
          h('button', { type: 'button', onclick: close }, 'Cancel'),
          h('button', { type: 'submit', class: `primary ${danger ? 'danger' : ''}`, disabled: () => busy() || (type !== '' && typed() !== type), autofocus: !type && !danger }, () => (busy() ? 'Working …' : action)),
        ),
      );
    },
    { wide },
  );
