// Timers and jobs.
setTimeout(() => console.log('late'), 1);
setInterval(() => console.log('again'), 1);
queueMicrotask(() => console.log('later'));
return 'unharmed';
