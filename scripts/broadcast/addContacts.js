// Adds contacts of a company, or brings known ones up to date.
//
//   boatswain run broadcast/addContacts --company ACME \
//     --vo '{"contacts":[{"phone":"+393331234567","name":"Ada","consent":"web form, 2026-01-05"}]}'
//
// Returns { added, refused }. Who has opted out stays so: a list that is imported once more does not know better.

const { company, phoneNumber } = require("./lib/campaigns");

const mine = company();
const refused = [];
let added = 0;
for (const { phone, name = null, consent } of vo.contacts ?? []) {
  const number = phoneNumber(phone);
  const reason = number === null ? "no international number" : consent ? null : "no consent";
  if (reason !== null) {
    refused.push({ phone: phone ?? null, reason });
    continue;
  }
  added += utils.executeSql(
    `INSERT INTO contacts (company, phone, name, consent) VALUES (?, ?, ?, ?)
     ON CONFLICT (company, phone) DO UPDATE SET name = coalesce(excluded.name, name), consent = excluded.consent`,
    null, false, true,
    mine, number, name, consent,
  );
}
return { added, refused };
