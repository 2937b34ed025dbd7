function outer() {
  return [1].map((x) => {
    const inner = () => {
      if (x) {
        return missing + x;
      }
    };
    return inner();
  });
}
outer();
