"""HTTP digest (RFC 7616): a password that is proved to a device, and never sent.

Each request is made twice, as the first answer brings the challenge. One with "-sess",
or with "auth-int" alone, is met by nobody: the device's 401 says the rest.
"""

from __future__ import annotations

from hashlib import md5, sha256
from secrets import token_hex
from typing import TYPE_CHECKING, Final, NamedTuple

from twisted.internet.defer import Deferred
from twisted.web.client import URI
from twisted.web.http import UNAUTHORIZED
from twisted.web.http_headers import Headers
from twisted.web.iweb import IAgent
from werkzeug.datastructures import WWWAuthenticate
from werkzeug.http import quote_header_value
from zope.interface import implementer

from lifeguard.power.body import whole_body

if TYPE_CHECKING:
    from twisted.web.iweb import IBodyProducer, IResponse

_HASHES: Final = {"MD5": md5, "SHA-256": sha256}
"""The better last."""

_COUNT: Final = "00000001"
"""How often a challenge has been met: each is once."""


class Challenge(NamedTuple):
    """What a device wants to be proved, and how."""

    algorithm: str
    realm: str
    nonce: str
    opaque: str | None
    has_qop: bool
    """False before RFC 2617."""

    @classmethod
    def read(cls, header: str) -> Challenge | None:
        """Of a WWW-Authenticate header; None where it is none that can be met."""
        found = WWWAuthenticate.from_header(header)
        if found is None or found.type != "digest" or not (nonce := found.get("nonce")):
            return None
        algorithm, qop = (found.get("algorithm") or "MD5").upper(), found.get("qop")
        ways = [each.strip() for each in (qop or "auth").split(",")]
        if algorithm not in _HASHES or "auth" not in ways:
            return None
        realm, opaque = found.get("realm") or "", found.get("opaque")
        return cls(algorithm, realm, nonce, opaque, qop is not None)

    def met(
        self, user: str, password: str, method: str, target: str, cnonce: str
    ) -> str:
        """The Authorization header for a request of `target`, a path with its query.

        `cnonce` is a nonce of ours.
        """
        secret = self._hash(user, self.realm, password)
        asked = self._hash(method, target)
        quoted = {"username": user, "realm": self.realm}
        quoted |= {"uri": target, "nonce": self.nonce}
        plain, once = {"algorithm": self.algorithm}, [self.nonce]
        if self.has_qop:
            quoted["cnonce"] = cnonce
            plain |= {"qop": "auth", "nc": _COUNT}
            once += [_COUNT, cnonce, "auth"]
        if self.opaque is not None:
            quoted["opaque"] = self.opaque
        quoted["response"] = self._hash(secret, *once, asked)
        return _header(quoted, plain)

    def _hash(self, *parts: str) -> str:
        return _HASHES[self.algorithm](":".join(parts).encode()).hexdigest()


@implementer(IAgent)
class DigestAgent:
    """Asks as `agent` does, and once more where a digest is wanted."""

    def __init__(self, agent: IAgent, user: str, password: str) -> None:
        self._agent, self._user, self._password = agent, user, password

    def request(
        self,
        method: bytes,
        uri: bytes,
        headers: Headers | None = None,
        bodyProducer: IBodyProducer | None = None,
    ) -> Deferred[IResponse]:
        sent = Headers() if headers is None else headers.copy()
        return Deferred.fromCoroutine(self._request(method, uri, sent, bodyProducer))

    async def _request(
        self, method: bytes, uri: bytes, headers: Headers, body: IBodyProducer | None
    ) -> IResponse:
        response = await self._agent.request(method, uri, headers, body)
        if response.code != UNAUTHORIZED:
            return response
        if (challenge := _best_challenge(response.headers)) is None:
            return response
        await whole_body(response)
        target = URI.fromBytes(uri).originForm.decode()
        knows = self._user, self._password
        proof = challenge.met(*knows, method.decode(), target, token_hex(16))
        headers.setRawHeaders("Authorization", [proof])
        return await self._agent.request(method, uri, headers, body)


def _best_challenge(headers: Headers) -> Challenge | None:
    raw = headers.getRawHeaders(b"www-authenticate", [])
    read = [Challenge.read(each.decode(errors="replace")) for each in raw]
    challenges = [each for each in read if each is not None]
    by_algorithm = list(_HASHES).index
    return max(challenges, key=lambda one: by_algorithm(one.algorithm), default=None)


def _header(quoted: dict[str, str], plain: dict[str, str]) -> str:
    fields = [
        f"{name}={quote_header_value(text, allow_token=False)}"
        for name, text in quoted.items()
    ]
    fields += [f"{name}={text}" for name, text in plain.items()]
    return f"Digest {', '.join(fields)}"
