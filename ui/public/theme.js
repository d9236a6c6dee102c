// Runs before the first paint, so that a chosen theme does not flash. The policy of the server allows no inline script.
try {
  const stored = JSON.parse(localStorage.getItem('hopline.preferences') || '{}');
  if (stored.theme === 'light' || stored.theme === 'dark') document.documentElement.dataset.theme = stored.theme;
  if (stored.density === 'roomy') document.documentElement.dataset.density = 'roomy';
} catch {
  // Private windows may refuse storage: the system's theme is used.
}
