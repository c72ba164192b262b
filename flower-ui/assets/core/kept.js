// What this browser remembers.
//
// Kept true here: where nothing may be stored (private windows, full or forbidden storage) the page works, and
// forgets.

/** What was kept, or `otherwise`. */
export const recall = (key, otherwise = null) => {
  try {
    return localStorage.getItem(`taskq.${key}`) ?? otherwise;
  } catch {
    return otherwise;
  }
};

/** Keeps a text; null forgets it. */
export const keep = (key, value) => {
  try {
    if (value === null) localStorage.removeItem(`taskq.${key}`);
    else localStorage.setItem(`taskq.${key}`, value);
  } catch {
    // It lasts as long as the page, then.
  }
};
