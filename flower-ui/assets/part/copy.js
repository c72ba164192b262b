// Text to take away.

import { h } from '../core/dom.js';
import { icon } from './icon.js';
import { say } from './toast.js';

/** Copies. */
export const copy = async (text) => {
  try {
    await navigator.clipboard.writeText(text);
    say('Copied');
  } catch {
    // Only pages that came over HTTPS, or from this machine, may write there.
    const area = h('textarea', { class: 'sr', value: text });
    document.body.append(area);
    area.select();
    const done = document.execCommand('copy');
    area.remove();
    say(done ? 'Copied' : 'This browser does not let the page copy: select the text instead', { level: done ? 'good' : 'bad' });
  }
};

/** A button that copies what `text` gives. */
export const copyButton = (label, text) =>
  h('button', { class: 'plain icon', type: 'button', 'aria-label': `Copy ${label}`, title: `Copy ${label}`, onclick: () => copy(typeof text === 'function' ? text() : text) }, icon('copy'));

/** Text as it is, in a box, with a button. */
export const block = (label, text) => h('div', h('div', { class: 'between' }, h('h3', label), copyButton(label, text)), h('pre', { class: 'code', tabindex: '0' }, text));
