# SPDX-License-Identifier: Apache-2.0
# tokens.py: tokens as an identity provider makes them, and forged ones as nobody should.
import base64
import hashlib
import hmac
import itertools
import json
import time

import jwt
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from serving import SECRET

_numbers = itertools.count(1)
RSA = rsa.generate_private_key(65537, 2048)  # an identity provider's, whose public half we know


def pem(key):
    return key.public_key().public_bytes(serialization.Encoding.PEM,
                                         serialization.PublicFormat.SubjectPublicKeyInfo).decode()


def unique(word):
    """A name that no other test uses: tests that share a server do not meet."""
    return f"{word}-{next(_numbers)}-{time.time_ns() % 1000000}"


def claims(user, tenant=None, roles=None, permissions=None, name=None, age=60, lasts=3600, **more):
    """`age`: seconds since iat (negative: in the future)."""
    now = time.time()
    content = {"sub": user, "iat": int(now - age), "exp": int(now + lasts)}
    for key, value in (("tenant_id", tenant), ("roles", roles), ("permissions", permissions),
                       ("name", name)):
        if value is not None:
            content[key] = value
    content.update(more)
    return {key: value for key, value in content.items() if value is not None}


def mint(user, tenant=None, roles=None, permissions=None, secret=SECRET, algorithm="HS256", **more):
    return jwt.encode(claims(user, tenant, roles, permissions, **more), secret, algorithm=algorithm)


def admin(tenant=None, user="root", **more):
    return mint(user, tenant, roles=["admin"], **more)


def b64(content):
    if not isinstance(content, bytes):
        content = (content if isinstance(content, str) else json.dumps(content)).encode()
    return base64.urlsafe_b64encode(content).rstrip(b"=").decode()


def signed(header, payload, secret=SECRET, digest=hashlib.sha256):
    """A compact JWS of any header and payload (objects, or text as it stands), signed by HMAC."""
    head = f"{b64(header)}.{b64(payload)}"
    return f"{head}.{b64(hmac.new(secret.encode(), head.encode(), digest).digest())}"
