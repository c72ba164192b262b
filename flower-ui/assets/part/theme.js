// Light, dark, or as the system has it.

import { signal } from '../core/signal.js';

const ORDER = ['system', 'light', 'dark'];

const stored = () => {
  try {
    return localStorage.getItem('taskq.theme') ?? 'system';
  } catch {
    return 'system';
  }
};

/** The choice. */
export const theme = signal(stored());

/** Takes a theme. */
export const choose = (next) => {
  theme.set(next);
  if (next === 'system') delete document.documentElement.dataset.theme;
  else document.documentElement.dataset.theme = next;
  try {
    localStorage.setItem('taskq.theme', next);
  } catch {
    // It lasts as long as the page, then.
  }
};

/** The next one. */
export const cycle = () => choose(ORDER[(ORDER.indexOf(theme.peek()) + 1) % ORDER.length]);
