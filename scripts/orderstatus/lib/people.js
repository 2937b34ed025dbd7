// What is open with a person: a question that we have asked, a human who answers.

const HOUR = 3_600_000;

/** How long "2" is the answer to our question, and not just a number. */
const QUESTION_LASTS = 1 * HOUR;

/** After so long without a word from either side the actions answer again: nobody waits for ever for a human. */
const AGENT_LASTS = 12 * HOUR;

/**
 * @param {string} sql
 * @param {...string | number} params
 */
function write(sql, ...params) {
  return utils.executeSql(sql, null, false, true, ...params);
}

/**
 * { choices, withAgent }: the orders between which the person was asked to choose, and whether a human answers.
 * @param {string} phone
 * @returns {{ choices: string[], withAgent: boolean }}
 */
function person(phone) {
  const sql = "SELECT question, asked_at, agent_until FROM people WHERE phone = ?";
  const [row] = JSON.parse(utils.executeQuery(sql, null, phone));
  const isFresh = row?.question != null && Date.now() < row.asked_at + QUESTION_LASTS;
  return { choices: isFresh ? JSON.parse(row.question) : [], withAgent: Date.now() < (row?.agent_until ?? 0) };
}

/**
 * Remembers between which orders the person is asked to choose.
 * @param {string} phone
 * @param {string[]} choices
 */
function ask(phone, choices) {
  write(
    `INSERT INTO people (phone, question, asked_at) VALUES (?, ?, ?)
     ON CONFLICT (phone) DO UPDATE SET question = excluded.question, asked_at = excluded.asked_at`,
    phone, JSON.stringify(choices), Date.now(),
  );
}

/**
 * A human answers from now on, or goes on answering.
 * @param {string} phone
 */
function handOver(phone) {
  write(
    `INSERT INTO people (phone, agent_until) VALUES (?, ?)
     ON CONFLICT (phone) DO UPDATE SET agent_until = excluded.agent_until`,
    phone, Date.now() + AGENT_LASTS,
  );
}

/**
 * The actions answer again; what was said with the human is not needed any more.
 * @param {string} phone
 */
function handBack(phone) {
  write("UPDATE people SET agent_until = NULL WHERE phone = ?", phone);
  write("DELETE FROM talk WHERE phone = ?", phone);
}

/**
 * Keeps what somebody says to the other.
 * @param {string} phone
 * @param {"customer" | "agent"} author
 * @param {string} body
 */
function keep(phone, author, body) {
  const sql = "INSERT INTO talk (phone, author, body, at) VALUES (?, ?, ?, ?)";
  write(sql, phone, author, body, new Date().toISOString());
}

/** The people who are with a human, who waits longest first, and what was said. */
function withAgents() {
  const sql = "SELECT phone, author, body, at FROM talk JOIN people USING (phone) WHERE agent_until > ? ORDER BY talk.id";
  const said = JSON.parse(utils.executeQuery(sql, null, Date.now()));
  return Array.from(Map.groupBy(said, (line) => line.phone), ([phone, lines]) => ({
    phone,
    talk: lines.map(({ author, body, at }) => ({ author, body, at })),
  }));
}

module.exports = { person, ask, handOver, handBack, keep, withAgents };
