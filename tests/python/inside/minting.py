# SPDX-License-Identifier: Apache-2.0
# minting.py: HS256 tokens with nothing but the standard library.
import base64
import hashlib
import hmac
import json
import time

SECRET = "a-secret-of-64-bytes-for-tests-only-0123456789abcdef0123456789ab"


def b64(content):
    return base64.urlsafe_b64encode(content).rstrip(b"=").decode()


def mint(user, roles=None, secret=SECRET, lasts=3600, **more):
    now = time.time()  # with its fraction: whoever says lasts=1 has a whole second
    claims = {"sub": user, "iat": int(now) - 60, "exp": now + lasts, **more}
    if roles is not None:
        claims["roles"] = roles
    signed = b64(b'{"alg":"HS256","typ":"JWT"}') + "." + b64(json.dumps(claims).encode())
    return signed + "." + b64(hmac.digest(secret.encode(), signed.encode(), hashlib.sha256))
