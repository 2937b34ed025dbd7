// The same as JSON.
return Array(20_000).fill('xxx');
