const companyId = 1;
let { actionId } = reqParams;
const vo = { own: true };
function require() { return "mine"; }
return [companyId, actionId, vo, require()];
