// The plainest loop.
while (true) {}
