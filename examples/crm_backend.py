"""A program that stands behind ferd as its CRM: `python examples/crm_backend.py 8090`, and for ferd

    FERD_CRM=webhook FERD_CRM_URL=http://127.0.0.1:8090/ FERD_CRM_SECRET=whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw

It checks who is calling, does each effect once however often it is asked, and keeps everything in memory. A real one
keeps the keys beside what it does, in one transaction.
"""

import base64
import hashlib
import hmac
import json
import os
import sys
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Lock

SECRET = os.environ.get("FERD_CRM_SECRET", "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
OLDEST = 300  # seconds: what is older was recorded and is played back

done: dict[str, dict[str, str]] = {}
"""Idempotency key -> what was answered."""
effects: list[tuple[str, dict[str, object]]] = []
"""What was done, in order: (type, request)."""
lock = Lock()


class Backend(BaseHTTPRequestHandler):
    """Takes effects on the CRM."""

    def do_POST(self) -> None:
        """One effect."""
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        if not self.signed(body):
            return self.answer(401, {"error": "the signature is wrong or too old"})
        event, key = json.loads(body), self.headers["Idempotency-Key"]
        with lock:  # the same key twice at once: one of them does it
            if key not in done:
                effects.append((event["type"], event["data"]["request"]))
                done[key] = {"id": str(len(effects))}
        self.answer(200, done[key])

    def signed(self, body: bytes) -> bool:
        """Whether ferd has sent this, just now (standardwebhooks.com)."""
        id, at = self.headers.get("webhook-id", ""), self.headers.get("webhook-timestamp", "")
        key = base64.b64decode(SECRET.removeprefix("whsec_"))
        wanted = base64.b64encode(hmac.digest(key, f"{id}.{at}.".encode() + body, hashlib.sha256)).decode()
        given = [each.removeprefix("v1,") for each in self.headers.get("webhook-signature", "").split()]
        fresh = at.isdecimal() and abs(time.time() - int(at)) < OLDEST
        return fresh and any(hmac.compare_digest(each, wanted) for each in given)

    def answer(self, status: int, data: dict[str, str]) -> None:
        """Answer JSON."""
        self.send_response(status)
        self.end_headers()
        self.wfile.write(json.dumps(data).encode())


if __name__ == "__main__":
    ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1]) if sys.argv[1:] else 8090), Backend).serve_forever()
