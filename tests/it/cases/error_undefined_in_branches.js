// The same mistake twice: the engine has one position for both.
const list = [];
if (list.length > 0) {
  consle.log("never");
}
list.push(1);
consle.log("here");
