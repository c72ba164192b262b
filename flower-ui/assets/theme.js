// Puts the chosen theme on the document before anything is drawn, so that nothing flashes.
try {
  const theme = localStorage.getItem('taskq.theme');
  if (theme === 'light' || theme === 'dark') document.documentElement.dataset.theme = theme;
  const density = localStorage.getItem('taskq.density');
  if (density) document.documentElement.dataset.density = density;
} catch {
  // Storage may be forbidden: the system's theme is used.
}
