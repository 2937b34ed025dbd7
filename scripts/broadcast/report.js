// What became of a campaign: of one company, or without --company of all that have one of this name.
//
//   boatswain run broadcast/report --vo '{"campaign":"spring"}'
//
// Returns { campaign, companies: { ACME: { messages, delivered, read, failed, unknown, deliveredRate, readRate, failures,
// readers, readersLeftOut } } }. Rates are of all messages, from 0 to 1. `read` is never all of it: who has switched read
// receipts off reads without telling.

const READERS = 1_000; // what one report names; the result of a run is bounded (limits.result_kb)

const { campaign } = vo;
const everybody = companyId === "NODEFINED";

const totals = query(
  `SELECT company, count(*) AS messages,
          sum(status IN ('delivered', 'read')) AS delivered,
          sum(status = 'read') AS read,
          sum(status IN ('failed', 'undelivered', 'canceled')) AS failed,
          sum(status = 'unknown') AS unknown
   FROM messages WHERE campaign = ? AND (? OR company = ?) GROUP BY company ORDER BY company`,
  campaign, everybody, companyId,
);
const companies = totals.map(({ company, ...counted }) => {
  const readers = query(
    `SELECT phone, name, updated_at AS readAt FROM messages JOIN contacts USING (company, phone)
     WHERE campaign = ? AND company = ? AND status = 'read' ORDER BY updated_at, phone LIMIT ?`,
    campaign, company, READERS,
  );
  const failures = query(
    `SELECT coalesce(error, 'no code') AS code, count(*) AS n FROM messages
     WHERE campaign = ? AND company = ? AND status IN ('failed', 'undelivered', 'canceled') GROUP BY code`,
    campaign, company,
  );
  return [company, {
    ...counted,
    deliveredRate: rate(counted.delivered, counted.messages),
    readRate: rate(counted.read, counted.messages),
    failures: Object.fromEntries(failures.map(({ code, n }) => [code, n])),
    readers,
    readersLeftOut: counted.read - readers.length,
  }];
});
return { campaign, companies: Object.fromEntries(companies) };

/**
 * @param {number} part
 * @param {number} whole
 */
function rate(part, whole) {
  return Math.round((part / whole) * 1_000) / 1_000;
}

/**
 * @param {string} sql
 * @param {...Boatswain.SqlValue} params
 */
function query(sql, ...params) {
  return JSON.parse(utils.executeQuery(sql, null, ...params));
}
