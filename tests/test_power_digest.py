"""HTTP digest: as the RFCs have it, and as a server takes it that is not ours."""

from __future__ import annotations

from hashlib import sha256

import pytest
from treq.testing import RequestTraversalAgent
from twisted.cred import _digest
from twisted.cred.checkers import InMemoryUsernamePasswordDatabaseDontUse
from twisted.cred.portal import Portal
from twisted.internet.task import Clock
from twisted.web.guard import DigestCredentialFactory, HTTPAuthSessionWrapper
from twisted.web.resource import IResource
from twisted.web.server import NOT_DONE_YET

from lifeguard.power.body import ANSWER_BYTES
from lifeguard.power.digest import Challenge
from lifeguard.power.drivers import shelly
from lifeguard.power.drivers.http import HttpOptions
from lifeguard.power.drivers.shelly import ShellyOptions
from lifeguard.power.web import Web
from tests.fake_web import DEADLINE, FakeDevice, outcome

URL = "http://192.0.2.22"
PROVED = HttpOptions(
    url=URL, on="/on", off="/off", user="lab", password='a"\\:é', digest=True
)
TO_BE_PROVED = 'Digest realm="{0}", nonce="n", qop="auth", algorithm={0}'


def guarded(algorithm, options, answer=lambda *_: "done"):
    """The web of some options, and what its device is asked behind a digest's guard."""
    device = FakeDevice(answer)
    users = InMemoryUsernamePasswordDatabaseDontUse()
    users.addUser(b"lab", 'a"\\:é'.encode())
    users.addUser(b"admin", b"secret")
    wants = DigestCredentialFactory(algorithm, b"a device")
    guard = HTTPAuthSessionWrapper(Portal(Realm(device), [users]), [wants])
    return device, Web(Clock(), RequestTraversalAgent(guard), options)


class Realm:
    def __init__(self, device):
        self.device = device

    def requestAvatar(self, name, mind, *interfaces):
        return IResource, self.device, lambda: None


@pytest.mark.parametrize(
    ("algorithm", "response"),
    [
        ("MD5", "8ca523f5e9506fed4657c9700eebdbec"),
        (
            "SHA-256",
            "753927fa0e85d155564e2e272a28d1802ca10daf4496794697cf8db5856cb6c1",
        ),
    ],
)
def test_a_challenge_is_met_as_in_the_example_of_rfc_7616(algorithm, response):
    challenge = Challenge.read(
        'Digest realm="http-auth@example.org", qop="auth, auth-int",'
        f" algorithm={algorithm},"
        ' nonce="7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v",'
        ' opaque="FQhe/qaU925kfnzjCev0ciny7QMkPqMAFRtzCUYo5tdS"'
    )
    assert challenge.met(
        "Mufasa",
        "Circle of Life",
        "GET",
        "/dir/index.html",
        "f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ",
    ) == (
        'Digest username="Mufasa", realm="http-auth@example.org",'
        ' uri="/dir/index.html",'
        ' nonce="7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v",'
        ' cnonce="f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ",'
        ' opaque="FQhe/qaU925kfnzjCev0ciny7QMkPqMAFRtzCUYo5tdS",'
        f' response="{response}", algorithm={algorithm}, qop=auth, nc=00000001'
    )


def test_one_without_a_qop_is_met_as_in_the_example_of_rfc_2069():
    challenge = Challenge.read(
        'Digest realm="testrealm@host.com", nonce="dcd98b7102dd2f0e8b11d0f600bfb0c093"'
    )
    answer = challenge.met("Mufasa", "CircleOfLife", "GET", "/dir/index.html", "ours")
    assert answer == (
        'Digest username="Mufasa", realm="testrealm@host.com", uri="/dir/index.html",'
        ' nonce="dcd98b7102dd2f0e8b11d0f600bfb0c093",'
        ' response="1949323746fe6a43ef61f9606e7febea", algorithm=MD5'
    )


@pytest.mark.parametrize(
    "header",
    [
        "",
        "Basic realm=x",
        "Digest",
        "Digest \0",
        'Digest realm="x',
        'Digest realm="x", nonce="n", algorithm=SHA-512',
        'Digest realm="x", nonce="n", algorithm=MD5-sess',
        'Digest realm="x", nonce="n", qop="auth-int"',
    ],
)
def test_what_is_no_challenge_or_cannot_be_met_is_left_alone(header):
    assert Challenge.read(header) is None


@pytest.mark.parametrize("algorithm", [b"md5", b"sha-256"])
def test_a_server_of_others_takes_it_for_whatever_is_asked(algorithm, monkeypatch):
    monkeypatch.setitem(_digest.algorithms, b"sha-256", sha256)
    device, asked = guarded(algorithm, PROVED)
    for method, path, body in [
        ("GET", "/a%20b?c=d", None),
        ("POST", "/rpc", {"id": 1}),
    ]:
        asking = asked.ask(method, path, DEADLINE, body=body)
        assert outcome(asking) == ["done"]
    assert device.seen == ["GET /a%20b?c=d", "POST /rpc"]
    assert device.bodies == [b"", b'{"id": 1}']


def test_a_wrong_password_is_refused_and_the_right_one_never_sent():
    device, asked = guarded(b"md5", PROVED)
    asked._agent._password = "wrong"
    [heard] = outcome(asked.ask("GET", "/", DEADLINE))
    assert heard.startswith(f"Refused: the answer to GET {URL}/: 401")
    assert device.seen == []


def test_the_best_challenge_is_met_and_nothing_else_told():
    device = Challenger([TO_BE_PROVED.format(each) for each in ("MD5", "SHA-256")])
    asked = Web(Clock(), RequestTraversalAgent(device), PROVED)
    assert "401" in outcome(asked.ask("GET", "/", DEADLINE))[0]
    seen = [headers.get(b"Authorization", [b""])[0] for headers in device.headers]
    assert seen[0] == b""
    assert b'realm="SHA-256"' in seen[1]
    assert b"algorithm=SHA-256, qop=auth" in seen[1]
    assert len(seen) == 2


class Challenger(FakeDevice):
    """Says no twice, in these words, and then nothing any more."""

    def __init__(self, challenges, text="no"):
        super().__init__(lambda *_: text)
        self.challenges, self.noes = challenges, 2

    def render(self, request):
        text = super().render(request)
        if not self.noes:
            return NOT_DONE_YET
        self.noes -= 1
        request.setResponseCode(401)
        request.responseHeaders.setRawHeaders("WWW-Authenticate", self.challenges)
        return text


def test_an_endless_challenge_is_not_read_to_its_end():
    device = Challenger([TO_BE_PROVED.format("MD5")], "x" * (ANSWER_BYTES + 1))
    asked = Web(Clock(), RequestTraversalAgent(device), PROVED)
    assert outcome(asked.ask("GET", "/", DEADLINE)) == [
        f"SurplusAnswer: more than {ANSWER_BYTES} bytes: GET {URL}/"
    ]


def test_a_proof_that_is_not_answered_has_no_time_of_its_own():
    clock, device = Clock(), Challenger([TO_BE_PROVED.format("MD5")])
    device.noes = 1
    asked = Web(clock, RequestTraversalAgent(device), PROVED)
    assert outcome(asked.ask("GET", "/", 5.0), clock, 6) == [
        f"NoAnswer: no answer within 5 s: GET {URL}/"
    ]
    assert (device.seen, clock.getDelayedCalls()) == (["GET /"] * 2, [])


def test_a_shelly_of_a_later_generation_is_proved_its_password(monkeypatch):
    monkeypatch.setitem(_digest.algorithms, b"sha-256", sha256)
    options = ShellyOptions(url=URL, generation=2, user="admin", password="secret")
    device, asked = guarded(b"sha-256", shelly.urls(options))
    assert outcome(asked.ask("GET", "/rpc/Switch.GetStatus?id=0", DEADLINE)) == ["done"]
    [headers] = device.headers
    assert headers[b"Authorization"][0].startswith(b'Digest username="admin"')
