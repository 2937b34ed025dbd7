// A rejection that nobody handles.
Promise.reject(new Error('nobody cares'));
return 'unharmed';
