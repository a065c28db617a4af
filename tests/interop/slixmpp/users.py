"""Many accounts of many servers at once, led over standard input and output; see ../README.md.

A line of JSON is a request, {"id": 1, "do": "login", ...}; its answer has the same id and comes when it is ready,
{"id": 1, "answer": ...} or {"id": 1, "failed": "why"}. What an account received is kept when it logs out and in again.
"""

import asyncio
import json
import ssl
import sys
import traceback

from run import PATIENCE, Client

# How often to look whether all has come.
LOOK = 0.02


class Mailbox:
    """What has come to one account, in the order in which it came."""

    def __init__(self):
        self.messages = []
        self.errors = []
        self.presences = []


class User(Client):
    """One account, logged in once."""

    def __init__(self, request, mailbox):
        super().__init__(request | {"ca": request["ca"] or "", "direct_tls": False}, request)
        if request["ca"] is None:
            # For servers whose certificates are wrong on purpose.
            self.ca_certs = None
            self.ssl_context.check_hostname = False
            self.ssl_context.verify_mode = ssl.CERT_NONE
        self.mailbox = mailbox
        # Requests for subscription are recorded, and answered when we are told to.
        self.roster.auto_authorize = None
        self.roster.auto_subscribe = False
        for name in ("presence_available", "presence_unavailable", "presence_error", "presence_subscribe",
                     "presence_subscribed", "presence_unsubscribe", "presence_unsubscribed"):
            self.add_event_handler(name, self.on_presence)

    async def flush(self):
        """Stanzas of one stream are handled in order: who has the answer knows that all before it was handled."""
        await self.ask(self.plugin["xep_0199"].send_ping(self.boundjid.domain, timeout=PATIENCE))

    async def on_message(self, message):
        if message["type"] == "error":
            return
        self.mailbox.messages.append({
            "id": message["id"], "from": str(message["from"]), "to": str(message["to"]), "body": message["body"]})

    async def on_bounce(self, message):
        error = message["error"]
        self.mailbox.errors.append({
            "id": message["id"], "from": str(message["from"]), "condition": error["condition"], "text": error["text"]})

    def on_presence(self, presence):
        # What comes from the own account is its reflection.
        if presence["from"].bare != self.boundjid.bare:
            kind = presence["type"]
            kind = "available" if kind in self.AVAILABLE else kind
            record = {"from": str(presence["from"]), "type": kind, "status": presence["status"]}
            if kind == "error":
                record["condition"] = presence["error"]["condition"]
            self.mailbox.presences.append(record)

    AVAILABLE = ("available", "away", "chat", "dnd", "xa")


class Users:
    """Carries out requests; each method is one, and gets the rest of the request as arguments."""

    def __init__(self):
        self.mailboxes = {}
        self.online = {}

    def mailbox(self, account):
        return self.mailboxes.setdefault(account, Mailbox())

    async def login(self, account, **request):
        """Logs in and sends presence; tries again for `patience` seconds if there is no connection."""
        loop = asyncio.get_running_loop()
        end = loop.time() + request.get("patience", 0)
        while True:
            user = User(request, self.mailbox(account))
            outcome = await user.log_in()
            if outcome["outcome"] == "online" or loop.time() > end:
                break
            user.abort()
            await asyncio.sleep(0.1)
        if outcome["outcome"] == "online":
            self.online[account] = user
            user.send_presence()
            await user.flush()
            outcome["jid"] = user.boundjid.full
        return outcome

    async def logout(self, account):
        await self.online.pop(account).leave()

    async def drop(self, account):
        """Forgets a connection that its server has ended, or ends it without a word."""
        user = self.online.pop(account, None)
        if user is not None:
            user.abort()

    async def await_end(self, account):
        """Waits for the server to end the stream; the condition that it gave."""
        user = self.online.pop(account)
        try:
            await asyncio.wait_for(user.closed.wait(), PATIENCE)
        except asyncio.TimeoutError:
            user.abort()
            return "still-online"
        return user.stream_condition

    async def send(self, account, to, token, bodies, pause=0.0):
        """Sends messages with ids `token-0` and so on, then waits until the own server has taken them."""
        user = self.online[account]
        first = bodies["first"]
        for number, body in enumerate(bodies["texts"]):
            stanza = user.make_message(mto=to[number % len(to)], mbody=body, mtype="chat")
            stanza["id"] = f"{token}-{first + number}"
            stanza.send()
            if pause:
                await asyncio.sleep(pause)
            elif number % 20 == 19:
                await asyncio.sleep(0)
        await self.flush(account)

    async def flush(self, account):
        user = self.online.get(account)
        if user is not None:
            await user.flush()

    async def messages(self, account, token, count, patience, sender=None):
        """The messages with the token that `account` has received, and the errors that `sender` has, once there are
        `count` different ones together or when patience ends."""
        mine = f"{token}-"

        def found():
            messages = [one for one in self.mailbox(account).messages if one["id"].startswith(mine)]
            errors = []
            if sender is not None:
                errors = [one for one in self.mailbox(sender).errors if one["id"].startswith(mine)]
            return messages, errors

        await self.wait(lambda: len({one["id"] for part in found() for one in part}) >= count, patience)
        # Whatever has come twice has come before these answers.
        await asyncio.gather(*(self.flush(name) for name in (account, sender) if name is not None))
        messages, errors = found()
        return {"messages": messages, "errors": errors}

    async def presence(self, account, to, kind, status=""):
        user = self.online[account]
        user.send_presence(pto=to, ptype=None if kind == "available" else kind, pstatus=status or None)
        await self.flush(account)

    async def presences(self, account, sender, kind, patience, after=0):
        """What has come from the bare address `sender`, from number `after` on, once one of that kind is there."""
        def found():
            everything = self.mailbox(account).presences
            return [one for one in everything[after:] if one["from"].split("/")[0] == sender]

        await self.wait(lambda: any(one["type"] == kind for one in found()), patience)
        return {"presences": found(), "count": len(self.mailbox(account).presences)}

    async def ask(self, account, to, what, patience=PATIENCE):
        """The condition of the error, "result", or "timeout"; with what the result says."""
        user = self.online[account]
        details = {}

        async def query():
            if what == "ping":
                await user.plugin["xep_0199"].send_ping(to, timeout=patience)
            elif what == "disco":
                info = await user.plugin["xep_0030"].get_info(jid=to, cached=False, timeout=patience)
                details["identities"] = [[one[0], one[1]] for one in info["disco_info"]["identities"]]
                details["features"] = sorted(info["disco_info"]["features"])
            elif what == "version":
                version = (await user.plugin["xep_0092"].get_version(to, timeout=patience))["software_version"]
                details["version"] = f"{version['name']} {version['version']}"
            else:
                await user.make_iq_get(queryxmlns="urn:example:jabiru:unheard-of", ito=to).send(timeout=patience)

        return {"outcome": await user.ask(query()), **details}

    async def wait(self, done, patience):
        loop = asyncio.get_running_loop()
        end = loop.time() + patience
        while not done() and loop.time() < end:
            await asyncio.sleep(LOOK)

    async def carry_out(self, request):
        number, name = request.pop("id"), request.pop("do")
        try:
            answer = {"id": number, "answer": await getattr(self, name)(**request)}
        except Exception as error:  # Whatever it was, it is told.
            traceback.print_exc()
            answer = {"id": number, "failed": f"{type(error).__name__}: {error}"}
        print(json.dumps(answer), flush=True)


async def main():
    loop = asyncio.get_running_loop()
    reader = asyncio.StreamReader(limit=2**24)
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    users = Users()
    tasks = set()
    while line := await reader.readline():
        task = loop.create_task(users.carry_out(json.loads(line)))
        tasks.add(task)
        task.add_done_callback(tasks.discard)
    for user in users.online.values():
        user.abort()


asyncio.run(main())
