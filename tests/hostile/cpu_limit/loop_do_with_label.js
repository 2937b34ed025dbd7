// A loop that goes on by its label.
again: do {
  for (let i = 0; ; i++) if (i > 10) continue again;
} while (true);
