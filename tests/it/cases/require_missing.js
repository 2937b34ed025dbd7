try {
  require("./lib/mony");
} catch (error) {
  console.log(error.message, error.code, error instanceof Error);
}
try { require("fs"); } catch (error) { console.log(error.message, error.code); }
try { require("../demo2/x"); } catch (error) { console.log(error.message, error.code); }
try { require(7); } catch (error) { console.log(error.message); }
require("./lib/mony");
