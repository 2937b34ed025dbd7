for (const row of vo.rows) {
  console.log(row);
}
