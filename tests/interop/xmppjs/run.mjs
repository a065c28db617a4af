// Drives xmpp.js through one job; see ../README.md.
//
// The certificate is verified by Node itself, which trusts the test authority by way of
// NODE_EXTRA_CA_CERTS. xmpp.js takes the name to verify from the address it connects to, so the
// domain must be one that resolves: localhost.

import { readFileSync } from "node:fs";
import { TLSSocket } from "node:tls";

import { client as createClient, jid as parseJid, xml } from "@xmpp/client";

// Longest wait for anything but the messages themselves, in milliseconds.
const PATIENCE = 20_000;
// Longest wait for all messages.
const MESSAGES_PATIENCE = 90_000;

// The promise's value, or `late` when `patience` has passed.
function within(patience, promise, late) {
  let timer;
  const limit = new Promise((resolve) => {
    timer = setTimeout(() => resolve(late), patience);
  });
  return Promise.race([promise, limit]).finally(() => clearTimeout(timer));
}

// One account, and everything that happens to it.
class Account {
  mechanisms = [];
  tlsVersion = null;
  received = [];
  bounced = {};
  streamCondition = null;
  #watchers = new Set();

  constructor(job, { jid, password }) {
    this.job = job;
    this.entity = createClient({
      service: `${job.direct_tls ? "xmpps" : "xmpp"}://${job.domain}:${job.port}`,
      domain: job.domain,
      username: parseJid(jid).local,
      password,
    });
    this.entity.timeout = PATIENCE;
    this.entity.reconnect.stop();
    this.entity.on("error", (error) => {
      if (error.name === "StreamError") this.streamCondition = error.condition;
    });
    // What was really sent, not what was meant to be.
    this.entity.on("send", (element) => {
      if (element.name === "auth") this.mechanisms.push(element.attrs.mechanism);
    });
    this.entity.on("stanza", (stanza) => this.#onStanza(stanza));
    this.closed = new Promise((resolve) => {
      this.entity.on("disconnect", resolve);
    });
    this.#decodeWholeCharacters();
    this.#awaitAnswersInTime();
  }

  // xmpp.js decodes every piece of data by itself, which destroys a character that lies across two
  // TLS records. Node's sockets do better when told that they carry text.
  #decodeWholeCharacters() {
    const attach = this.entity._attachSocket.bind(this.entity);
    this.entity._attachSocket = (socket) => {
      attach(socket);
      const tell = () => {
        if (socket.socket instanceof TLSSocket) socket.socket.setEncoding("utf8");
      };
      socket.socket ? tell() : socket.once("connect", tell);
    };
  }

  // xmpp.js begins to wait for the response stream header only when the system has confirmed that its
  // own was written. A server on the same machine may have answered by then, and the wait is in vain.
  #awaitAnswersInTime() {
    this.entity.write = async (text) => {
      if (this.entity.status === "closing") throw new Error("the stream is being closed");
      this.entity.socket.write(text);
    };
  }

  #onStanza(stanza) {
    if (!stanza.is("message")) return;
    if (stanza.attrs.type === "error") {
      const conditions = stanza.getChild("error")?.getChildElements() ?? [];
      this.bounced[stanza.attrs.id] = conditions[0]?.name ?? "none";
    } else {
      const { from, to } = stanza.attrs;
      this.received.push({ from, to, body: stanza.getChildText("body") });
    }
    for (const watcher of this.#watchers) watcher();
  }

  // Until `done()` or for so long; what is missing is missing from the report.
  async waitFor(done, patience) {
    let watcher;
    const fulfilled = new Promise((resolve) => {
      watcher = () => done() && resolve();
      this.#watchers.add(watcher);
      watcher();
    });
    await within(patience, fulfilled);
    this.#watchers.delete(watcher);
  }

  async logIn() {
    const attempt = this.entity.start().then(
      () => ({ outcome: "online" }),
      (error) => describeFailure(error),
    );
    const outcome = await within(PATIENCE, attempt, { outcome: "timeout" });
    if (outcome.outcome === "online") this.tlsVersion = this.entity.socket.socket.getProtocol();
    return outcome;
  }

  get full() {
    return this.entity.jid.toString();
  }

  get bare() {
    return this.entity.jid.bare().toString();
  }

  // The condition of an error, or "result".
  async ask(child, to) {
    const answer = this.entity.iqCaller.get(child, to, PATIENCE);
    return answer.then(
      () => "result",
      (error) => error.condition ?? error.name,
    );
  }

  ping(to) {
    return this.ask(xml("ping", "urn:xmpp:ping"), to);
  }

  unknownQuery(to) {
    return this.ask(xml("query", "urn:example:jabiru:unheard-of"), to);
  }

  async becomeAvailable() {
    await this.entity.send(xml("presence"));
    // Stanzas of one stream are handled in order, so the answer tells that presence was.
    await this.ping(this.job.domain);
  }

  async leave() {
    if (this.entity.status === "online") {
      // A stream that the server has closed meanwhile is no failure.
      await within(PATIENCE, this.entity.stop().catch(() => {}));
    } else {
      this.entity.socket?.socket?.destroy();
    }
  }
}

function describeFailure(error) {
  if (error.name === "SASLError") return { outcome: "sasl-failure", condition: error.condition };
  if (error.name === "StreamError") return { outcome: "stream-error", condition: error.condition };
  const isTls = /CERT|SELF_SIGNED|UNABLE_TO_VERIFY|SIGNATURE|ERR_TLS/.test(error.code ?? "");
  return { outcome: isTls ? "tls-error" : "no-connection", detail: `${error.code ?? ""} ${error.message}` };
}

// What has a known answer.
async function questions(first, second, job) {
  const { domain, unknown } = job;
  const { entity } = first;
  const info = await entity.iqCaller.get(xml("query", "http://jabber.org/protocol/disco#info"), domain, PATIENCE);
  const version = await entity.iqCaller.get(xml("query", "jabber:iq:version"), domain, PATIENCE);
  await entity.send(
    xml("message", { to: unknown, type: "chat", id: "to-unknown" }, xml("body", {}, "is anybody there?")),
  );
  await first.waitFor(() => "to-unknown" in first.bounced, PATIENCE);
  const companion = new Account(job, job.accounts[0]);
  const { outcome } = await companion.logIn();
  const pingOwnResource = outcome === "online" ? await first.ping(companion.full) : outcome;
  await companion.leave();
  return {
    ping_server: await first.ping(domain),
    ping_own_resource: pingOwnResource,
    ping_other_account: await first.ping(second.full),
    identities: info.getChildren("identity").map(({ attrs }) => [attrs.category, attrs.type]),
    features: info.getChildren("feature").map(({ attrs }) => attrs.var).sort(),
    version: { name: version.getChildText("name"), version: version.getChildText("version") },
    unknown_query_to_server: await first.unknownQuery(domain),
    unknown_query_to_own_account: await first.unknownQuery(first.bare),
    query_to_unknown_account: await first.unknownQuery(unknown),
    query_to_unknown_resource: await first.unknownQuery(`${second.bare}/nowhere`),
    message_to_unknown_account: first.bounced["to-unknown"] ?? "timeout",
  };
}

async function sendAll(sender, receiver, messages) {
  for (const [number, { to, body }] of messages.entries()) {
    const address = to === "full" ? receiver.full : receiver.bare;
    await sender.entity.send(
      xml("message", { to: address, type: "chat", id: `m${number}` }, xml("body", {}, body)),
    );
  }
}

async function talk(job) {
  const accounts = job.accounts.map((account) => new Account(job, account));
  const outcomes = [];
  for (const account of accounts) outcomes.push(await account.logIn());
  if (outcomes.some(({ outcome }) => outcome !== "online")) return { outcomes };
  for (const account of accounts) await account.becomeAvailable();
  const [first, second] = accounts;
  await Promise.all([
    sendAll(first, second, job.messages[0]),
    sendAll(second, first, job.messages[1]),
    first.waitFor(() => first.received.length >= job.messages[1].length, MESSAGES_PATIENCE),
    second.waitFor(() => second.received.length >= job.messages[0].length, MESSAGES_PATIENCE),
  ]);
  const answers = await questions(first, second, job);
  // Whatever came twice has come before these answers.
  for (const account of accounts) await account.ping(job.domain);
  const report = {
    outcomes,
    jids: accounts.map(({ full }) => full),
    mechanisms: accounts.map(({ mechanisms }) => mechanisms),
    tls_versions: accounts.map(({ tlsVersion }) => tlsVersion),
    received: accounts.map(({ received }) => received),
    answers,
  };
  for (const account of accounts) await account.leave();
  report.stream_errors = accounts.map(({ streamCondition }) => streamCondition);
  return report;
}

async function attempt(job) {
  const outcomes = [];
  for (const credentials of job.accounts) {
    const account = new Account(job, credentials);
    const outcome = await account.logIn();
    outcomes.push({ ...outcome, mechanisms: account.mechanisms });
    await account.leave();
  }
  return { outcomes };
}

async function stay(job) {
  const account = new Account(job, job.accounts[0]);
  const outcome = await account.logIn();
  if (outcome.outcome !== "online") return { outcomes: [outcome] };
  console.log(JSON.stringify({ event: "online" }));
  const left = await within(PATIENCE, account.closed.then(() => true), false);
  if (!left) {
    await account.leave();
    return { outcomes: [{ outcome: "still-online" }] };
  }
  return { outcomes: [{ outcome: "thrown-out", condition: account.streamCondition }] };
}

const job = JSON.parse(readFileSync(process.argv[2], "utf8"));
const report = await { talk, attempt, stay }[job.task](job);
// Sockets of failed attempts may still be open; what was asked for is done.
process.stdout.write(`${JSON.stringify(report)}\n`, () => process.exit(0));
