// What the console remembers.
for (let i = 0; ; i++) {
  console.group();
  console.count('x'.repeat(90) + i);
}
