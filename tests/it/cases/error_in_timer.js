await new Promise((resolve, reject) => {
  setTimeout(() => {
    try { resolve(vo.message.id); } catch (error) { reject(error); }
  }, 5);
});
