// Light, dark, or as the system has it.

import { keep, recall } from '../core/kept.js';
import { signal } from '../core/signal.js';

const ORDER = ['system', 'light', 'dark'];

/** The choice. */
export const theme = signal(recall('theme', 'system'));

/** Takes a theme. */
export const choose = (next) => {
  theme.set(next);
  if (next === 'system') delete document.documentElement.dataset.theme;
  else document.documentElement.dataset.theme = next;
  keep('theme', next);
};

/** The next one. */
export const cycle = () => choose(ORDER[(ORDER.indexOf(theme.peek()) + 1) % ORDER.length]);
