"""Drives slixmpp through one job; see ../README.md.

There is no DNS where this runs, so the address is given to connect() and the domain of the JID is
what the certificate must name.
"""

import asyncio
import json
import sys
from pathlib import Path

from slixmpp import ClientXMPP
from slixmpp.exceptions import IqError, IqTimeout

# Longest wait for anything but the messages themselves, in seconds.
PATIENCE = 20
# Longest wait for all messages.
MESSAGES_PATIENCE = 90


class Client(ClientXMPP):
    """One account, and everything that happens to it."""

    def __init__(self, job, account):
        super().__init__(account["jid"], account["password"])
        self.job = job
        # Trust the test authority alone; slixmpp's context checks the host name.
        self.ssl_context.check_hostname = True
        self.ca_certs = Path(job["ca"])
        self.enable_direct_tls = job["direct_tls"]
        self.enable_starttls = not job["direct_tls"]
        self.enable_plaintext = False
        for plugin in ("xep_0030", "xep_0092", "xep_0199"):
            self.register_plugin(plugin)

        self.mechanisms = []
        self.tls_version = None
        self.received = []
        self.bounced = {}
        self.stream_condition = None
        # How the attempt to log in ended.
        self.outcome = asyncio.get_running_loop().create_future()
        self.closed = asyncio.Event()
        self.news = asyncio.Condition()

        self.add_filter("out", self.note_sent)
        self.add_event_handler("session_start", self.on_session)
        self.add_event_handler("failed_auth", self.on_refusal)
        self.add_event_handler("ssl_invalid_chain", self.on_tls_error)
        self.add_event_handler("connection_failed", self.on_connection_failed)
        self.add_event_handler("stream_error", self.on_stream_error)
        self.add_event_handler("disconnected", self.on_disconnected)
        self.add_event_handler("message", self.on_message)
        self.add_event_handler("message_error", self.on_bounce)

    def settle(self, **outcome):
        if not self.outcome.done():
            self.outcome.set_result(outcome)

    def note_sent(self, stanza):
        # What was really sent, not what was meant to be.
        if stanza.name == "auth":
            self.mechanisms.append(stanza["mechanism"])
        return stanza

    def on_session(self, _event):
        self.tls_version = self.transport.get_extra_info("ssl_object").version()
        self.settle(outcome="online")

    def on_refusal(self, failure):
        self.settle(outcome="sasl-failure", condition=failure["condition"])
        # Or slixmpp would try the next mechanism.
        self.abort()

    def on_tls_error(self, error):
        self.settle_failure(error)
        self.abort()

    def on_connection_failed(self, error):
        self.settle_failure(error)
        self.cancel_connection_attempt()

    def settle_failure(self, error):
        is_tls = "CERTIFICATE_VERIFY_FAILED" in str(error)
        self.settle(outcome="tls-error" if is_tls else "no-connection", detail=str(error))

    def on_stream_error(self, error):
        self.stream_condition = error["condition"]

    def on_disconnected(self, reason):
        self.settle_failure(reason)
        self.closed.set()

    async def on_message(self, message):
        if message["type"] == "error":
            return
        record = {"from": str(message["from"]), "to": str(message["to"]), "body": message["body"]}
        self.received.append(record)
        async with self.news:
            self.news.notify_all()

    async def on_bounce(self, message):
        self.bounced[message["id"]] = message["error"]["condition"]
        async with self.news:
            self.news.notify_all()

    async def log_in(self):
        self.connect(self.job["host"], self.job["port"])
        try:
            return await asyncio.wait_for(asyncio.shield(self.outcome), PATIENCE)
        except asyncio.TimeoutError:
            return {"outcome": "timeout"}

    async def become_available(self):
        self.send_presence()
        # Stanzas of one stream are handled in order, so the answer tells that presence was.
        await self.ask(self.plugin["xep_0199"].send_ping(self.job["domain"], timeout=PATIENCE))

    async def wait_for(self, done, patience):
        async with self.news:
            try:
                await asyncio.wait_for(self.news.wait_for(done), patience)
            except asyncio.TimeoutError:
                pass  # What is missing is missing from the report.

    async def ask(self, query):
        """The condition of an error, or "result"."""
        try:
            await query
            return "result"
        except IqError as error:
            return error.condition
        except IqTimeout:
            return "timeout"

    async def leave(self):
        if not self.closed.is_set():
            self.disconnect(wait=2.0)
            try:
                await asyncio.wait_for(self.closed.wait(), PATIENCE)
            except asyncio.TimeoutError:
                self.abort()


def unknown_query(client, to):
    """A request in a namespace that nobody handles."""
    iq = client.make_iq_get(queryxmlns="urn:example:jabiru:unheard-of", ito=to)
    return client.ask(iq.send(timeout=PATIENCE))


async def questions(client, other, job):
    """What has a known answer."""
    domain, unknown = job["domain"], job["unknown"]
    info = await client.plugin["xep_0030"].get_info(jid=domain, timeout=PATIENCE)
    version = await client.plugin["xep_0092"].get_version(domain, timeout=PATIENCE)
    message = client.make_message(mto=unknown, mbody="is anybody there?", mtype="chat")
    message["id"] = "to-unknown"
    message.send()
    await client.wait_for(lambda: "to-unknown" in client.bounced, PATIENCE)
    companion = Client(job, job["accounts"][0])
    outcome = (await companion.log_in())["outcome"]
    ping_own_resource = outcome
    if outcome == "online":
        ping_own_resource = await client.ask(client.plugin["xep_0199"].send_ping(companion.boundjid.full, timeout=PATIENCE))
    await companion.leave()
    return {
        "ping_server": await client.ask(client.plugin["xep_0199"].send_ping(domain, timeout=PATIENCE)),
        "ping_own_resource": ping_own_resource,
        "ping_other_account": await client.ask(client.plugin["xep_0199"].send_ping(other.boundjid.full, timeout=PATIENCE)),
        "identities": [[category, kind] for category, kind, _, _ in info["disco_info"]["identities"]],
        "features": sorted(info["disco_info"]["features"]),
        "version": {"name": version["software_version"]["name"], "version": version["software_version"]["version"]},
        "unknown_query_to_server": await unknown_query(client, domain),
        "unknown_query_to_own_account": await unknown_query(client, client.boundjid.bare),
        "query_to_unknown_account": await unknown_query(client, unknown),
        "query_to_unknown_resource": await unknown_query(client, other.boundjid.bare + "/nowhere"),
        "message_to_unknown_account": client.bounced.get("to-unknown", "timeout"),
    }


async def send_all(sender, receiver, messages):
    for number, message in enumerate(messages):
        to = receiver.boundjid.full if message["to"] == "full" else receiver.boundjid.bare
        stanza = sender.make_message(mto=to, mbody=message["body"], mtype="chat")
        stanza["id"] = f"m{number}"
        stanza.send()
        if number % 20 == 19:
            await asyncio.sleep(0)


async def talk(job):
    clients = [Client(job, account) for account in job["accounts"]]
    outcomes = [await client.log_in() for client in clients]
    if any(outcome["outcome"] != "online" for outcome in outcomes):
        return {"outcomes": outcomes}
    for client in clients:
        await client.become_available()
    first, second = clients
    await asyncio.gather(
        send_all(first, second, job["messages"][0]),
        send_all(second, first, job["messages"][1]),
        first.wait_for(lambda: len(first.received) >= len(job["messages"][1]), MESSAGES_PATIENCE),
        second.wait_for(lambda: len(second.received) >= len(job["messages"][0]), MESSAGES_PATIENCE),
    )
    answers = await questions(first, second, job)
    # Whatever came twice has come before these answers.
    for client in clients:
        await client.ask(client.plugin["xep_0199"].send_ping(job["domain"], timeout=PATIENCE))
    report = {
        "outcomes": outcomes,
        "jids": [client.boundjid.full for client in clients],
        "mechanisms": [client.mechanisms for client in clients],
        "tls_versions": [client.tls_version for client in clients],
        "received": [client.received for client in clients],
        "answers": answers,
    }
    for client in clients:
        await client.leave()
    report["stream_errors"] = [client.stream_condition for client in clients]
    return report


async def attempt(job):
    outcomes = []
    for account in job["accounts"]:
        client = Client(job, account)
        outcome = await client.log_in()
        outcomes.append(outcome | {"mechanisms": client.mechanisms})
        await client.leave()
    return {"outcomes": outcomes}


async def stay(job):
    client = Client(job, job["accounts"][0])
    outcome = await client.log_in()
    if outcome["outcome"] != "online":
        return {"outcomes": [outcome]}
    print(json.dumps({"event": "online"}), flush=True)
    try:
        await asyncio.wait_for(client.closed.wait(), PATIENCE)
    except asyncio.TimeoutError:
        await client.leave()
        return {"outcomes": [{"outcome": "still-online"}]}
    return {"outcomes": [{"outcome": "thrown-out", "condition": client.stream_condition}]}


def main():
    with open(sys.argv[1], encoding="utf-8") as file:
        job = json.load(file)
    task = {"talk": talk, "attempt": attempt, "stay": stay}[job["task"]]
    print(json.dumps(asyncio.run(task(job))), flush=True)


if __name__ == "__main__":
    main()
