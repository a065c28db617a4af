"""A web server that publishes fingerprints of certificates (POSH, RFC 7711 §3); see ../README.md.

Its only argument is JSON: the address, and for each name its own certificate and key, and the certificate, a PEM file, whose
fingerprint is published.
"""

import base64
import hashlib
import http.server
import json
import ssl
import sys

PATH = "/.well-known/posh/xmpp-server.json"


def fingerprint(path):
    with open(path, encoding="ascii") as file:
        octets = ssl.PEM_cert_to_DER_cert(file.read())
    return base64.b64encode(hashlib.sha256(octets).digest()).decode()


def context(site):
    made = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    made.load_cert_chain(site["certificate"], site["key"])
    return made


def main():
    job = json.loads(sys.argv[1])
    contexts = {name: context(site) for name, site in job["sites"].items()}
    documents = {name: {"fingerprints": [{"sha-256": fingerprint(site["published"])}], "expires": 60}
                 for name, site in job["sites"].items()}

    class Handler(http.server.BaseHTTPRequestHandler):
        timeout = 10

        def do_GET(self):
            document = documents.get(self.headers.get("Host", "").split(":")[0])
            if document is None or self.path != PATH:
                self.send_error(404)
                return
            body = json.dumps(document).encode()
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

    def choose(connection, name, _):
        if name not in contexts:
            return ssl.ALERT_DESCRIPTION_UNRECOGNIZED_NAME
        connection.context = contexts[name]
        return None

    front = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    front.sni_callback = choose
    server = http.server.ThreadingHTTPServer((job["address"], 443), Handler)
    # The handshake is part of the connection's own thread, not of accepting it.
    server.socket = front.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
    server.serve_forever()


main()
