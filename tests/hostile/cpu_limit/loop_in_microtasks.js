// Each task begins the next.
const spin = () => queueMicrotask(spin);
spin();
await new Promise(() => {});
