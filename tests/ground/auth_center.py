"""An Auth Center for tests: keys, tokens, and a real server on loopback that publishes the key set."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import jwt
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from jwt.algorithms import ECAlgorithm, RSAAlgorithm

from retention_center.lib import clock

SECRET = "a shared secret that is long enough for HS256, and for HS512 as well, being over 64"
RSA_KEY = rsa.generate_private_key(public_exponent=65537, key_size=2048)
EC_KEY = ec.generate_private_key(ec.SECP256R1())
OTHER_KEY = rsa.generate_private_key(public_exponent=65537, key_size=2048)


def claims(**changes: Any) -> dict[str, Any]:
    """Good claims; a change to None leaves the claim out."""
    now = int(clock.now().timestamp())
    good = {"sub": "ac-1", "email": "Amara@Example.com", "name": "Amara Okafor", "role": "operator", "exp": now + 600}
    return {name: value for name, value in (good | {"iat": now} | changes).items() if value is not None}


def token(key: Any = SECRET, algorithm: str = "HS256", headers: dict[str, Any] | None = None, **changes: Any) -> str:
    return jwt.encode(claims(**changes), key, algorithm, headers=headers)


def key_set(**keys: Any) -> dict[str, Any]:
    """A published set: key id to private key, of which only the public half is told."""
    told = []
    for kid, key in keys.items():
        algorithm = RSAAlgorithm if isinstance(key, rsa.RSAPrivateKey) else ECAlgorithm
        told.append(json.loads(algorithm.to_jwk(key.public_key())) | {"kid": kid, "use": "sig"})
    return {"keys": told}


class Publisher:
    """What the server answers, and how often it was asked."""

    def __init__(self) -> None:
        self.url, self.body, self.status, self.asked = "", b"", 200, 0
        self.delay = 0.0

    def publish(self, **keys: Any) -> None:
        self.body = json.dumps(key_set(**keys)).encode()


@contextmanager
def serving() -> Iterator[Publisher]:
    publisher = Publisher()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            publisher.asked += 1
            clock.sleep(publisher.delay)
            self.send_response(publisher.status)
            self.send_header("Content-Length", str(len(publisher.body)))
            self.end_headers()
            self.wfile.write(publisher.body)

        def log_message(self, *_: Any) -> None:
            """Quiet."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    publisher.url = f"http://127.0.0.1:{server.server_port}/jwks.json"
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield publisher
    finally:
        server.shutdown()
        server.server_close()
