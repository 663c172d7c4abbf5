"""Outlets at URLs: a lab's own, Tasmota's and Shelly's."""

from __future__ import annotations

import json
import re
from urllib.parse import parse_qs, unquote, urlsplit

import pytest
from treq.testing import RequestTraversalAgent
from twisted.internet.task import Clock

from lifeguard.power.drivers import http, shelly, tasmota
from lifeguard.power.drivers.http import HttpOptions, HttpSwitch, follow
from lifeguard.power.drivers.shelly import ShellyOptions
from lifeguard.power.web import Web, WebOptions
from tests.fake_web import DEADLINE, FakeDevice, Page, outcome

URL = "http://192.0.2.20"
OWN = HttpOptions(
    url=URL,
    on="/set?port={outlet}&to=1",
    off="/set?port={outlet}&to=0",
    read="/get?port={outlet}",
    value=("ports.{outlet}.power", "power"),
)


def rig(answer, options=OWN):
    clock = Clock()
    clock.advance(100)
    device = FakeDevice(answer)
    web = Web(clock, RequestTraversalAgent(device), options)
    return clock, device, HttpSwitch(clock, web, options)


def obedient(states):
    """What the device of OWN answers; `states` are its ports by name."""

    def answer(method, path):
        query = parse_qs(urlsplit(path).query)
        port = query["port"][0]
        if "to" in query:
            states[port] = query["to"][0] == "1"
            return "done"
        return json.dumps({"ports": {port: {"power": states[port]}}})

    return answer


def test_an_outlet_is_switched_and_read_back():
    states = {"3": False}
    _, device, switch = rig(obedient(states))
    assert outcome(switch.switch("3", True, DEADLINE)) == ["done"]
    assert states == {"3": True}
    assert outcome(switch.switch("3", False, DEADLINE)) == ["done"]
    assert states == {"3": False}
    assert device.seen == [
        "GET /set?port=3&to=1",
        "GET /get?port=3",
        "GET /set?port=3&to=0",
        "GET /get?port=3",
    ]


def test_a_brace_that_is_doubled_is_one_for_the_device():
    braces = HttpOptions(
        url=URL, on='/?{{"on":{outlet}}}', off="/{{}}", test="/{{outlet}}"
    )
    _, device, switch = rig(lambda method, path: "done", braces)
    assert outcome(switch.switch("3", True, DEADLINE)) == ["done"]
    assert outcome(switch.test(DEADLINE)) == ["done"]
    assert [unquote(each) for each in device.seen] == [
        'GET /?{"on":3}',
        "GET /{outlet}",
    ]


def test_an_outlet_is_read_and_not_touched():
    _, device, switch = rig(obedient({"3": False, "4": True}))
    assert outcome(switch.read("3", DEADLINE)) == ["False"]
    assert outcome(switch.read("4", DEADLINE)) == ["True"]
    assert device.seen == ["GET /get?port=3", "GET /get?port=4"]


def test_one_without_a_read_cannot_tell():
    _, device, switch = rig(None, HttpOptions(url=URL, on="/on", off="/off"))
    assert outcome(switch.read("1", DEADLINE)) == ["done"]
    assert device.seen == []


def test_one_that_is_slow_is_read_until_it_is_as_wanted():
    reads = iter(["off", "OFF", " On\n"])
    options = HttpOptions(url=URL, on="/on", off="/off", read="/read")
    clock, device, switch = rig(
        lambda _, path: next(reads) if path == "/read" else "", options
    )
    assert outcome(switch.switch("1", True, DEADLINE), clock, 2) == ["done"]
    assert device.seen == ["GET /on", "GET /read", "GET /read", "GET /read"]


def test_one_that_says_yes_and_does_nothing_is_found_out():
    clock, _, switch = rig(lambda _, path: '{"power": "off"}')
    assert outcome(switch.switch("1", True, DEADLINE), clock, 5) == [
        "NotSwitched: switched on, but not read back so"
    ]
    assert clock.getDelayedCalls() == []


@pytest.mark.parametrize(
    ("said", "error"),
    [
        ("", "no JSON in the answer to GET {}: 200, nothing"),
        ("<html>", "no JSON in the answer to GET {}: 200, <html>"),
        ('{"power": ', 'no JSON in the answer to GET {}: 200, {{"power":'),
        ("[" * 100_000, "no JSON in the answer to GET {}: 200, " + "[" * 100 + "..."),
        ("[]", "neither on nor off in the answer to GET {}: 200, []"),
        ("{}", "neither on nor off in the answer to GET {}: 200, {{}}"),
        (
            '{"power": "perhaps"}',
            'neither on nor off in the answer to GET {}: 200, {{"power": "perhaps"}}',
        ),
        (
            '{"power": [true]}',
            'neither on nor off in the answer to GET {}: 200, {{"power": [true]}}',
        ),
    ],
)
def test_an_answer_that_cannot_be_understood_is_shown(said, error):
    _, _, switch = rig(lambda _, path: said if "get" in path else "")
    expected = error.format(f"{URL}/get?port=1")
    assert outcome(switch.switch("1", True, DEADLINE)) == [f"BadAnswer: {expected}"]


def test_what_refuses_to_switch_is_not_read():
    _, device, switch = rig(lambda *_: Page(503, "busy"))
    assert outcome(switch.switch("1", True, DEADLINE)) == [
        f"Refused: the answer to GET {URL}/set?port=1&to=1: 503, busy"
    ]
    assert len(device.seen) == 1


def test_one_that_falls_silent_after_switching_is_known_by_the_read():
    clock, _, switch = rig(lambda _, path: None if "get" in path else "")
    assert outcome(switch.switch("1", True, DEADLINE), clock, 5) == [
        f"NoAnswer: no answer within 5 s: GET {URL}/get?port=1"
    ]


def test_without_a_read_success_is_taken_for_granted():
    options = HttpOptions(
        url=URL, on="/on", off="/off", method="PUT", headers={"X-Key": "k"}
    )
    _, device, switch = rig(lambda *_: "", options)
    assert outcome(switch.switch("1", False, DEADLINE)) == ["done"]
    assert outcome(switch.test(DEADLINE)) == ["done"]
    assert device.seen == ["PUT /off", "GET /"]
    assert [each[b"X-Key"] for each in device.headers] == [[b"k"], [b"k"]]


def test_a_value_without_a_read_is_a_mistake():
    with pytest.raises(ValueError, match="value needs a read"):
        HttpOptions(url=URL, on="/on", off="/off", value=("power",))


def test_a_way_leads_through_tables_and_lists():
    document = {"relays": [{"ison": True}], "a": {"b": 0}}
    assert follow("relays.0.ison", document) is True
    assert follow("a.b", document) == 0
    for way in ("relays.1.ison", "relays.x", "a.b.c", "nothing"):
        assert follow(way, document) is None


# Tasmota, as its documentation of the commands has the answers.


def tasmota_rig(relays, states, **more):
    """A device with some relays; asked for others it answers with none."""

    def answer(_, path):
        query = parse_qs(urlsplit(path).query)
        if more and (query.get("user"), query.get("password")) != (
            [more["user"]],
            [more["password"]],
        ):
            return Page(401, '{"WARNING":"Need user=<username>&password=<password>"}')
        command, _, argument = query["cmnd"][0].partition(" ")
        if command == "State":
            return '{"Time":"2026-01-01T00:00:00","Uptime":"0T00:00:17"}'
        number = int(command.removeprefix("Power"))
        if number > relays:
            return "{}"
        if argument:
            states[number] = argument == "On"
        name = "POWER" if relays == 1 else f"POWER{number}"
        return json.dumps({name: "ON" if states[number] else "OFF"})

    return rig(answer, tasmota.urls(WebOptions(url=URL, **more)))


@pytest.mark.parametrize("relays", [1, 4])
def test_a_tasmota_is_switched_however_it_calls_its_relays(relays):
    states = dict.fromkeys(range(1, relays + 1), False)
    _, device, switch = tasmota_rig(relays, states)
    assert outcome(switch.switch("1", True, DEADLINE)) == ["done"]
    assert states[1] is True
    assert outcome(switch.switch("1", False, DEADLINE)) == ["done"]
    assert states[1] is False
    assert outcome(switch.test(DEADLINE)) == ["done"]
    assert device.seen == [
        "GET /cm?cmnd=Power1%20On",
        "GET /cm?cmnd=Power1",
        "GET /cm?cmnd=Power1%20Off",
        "GET /cm?cmnd=Power1",
        "GET /cm?cmnd=State",
    ]


def test_a_relay_that_a_tasmota_has_not_is_not_taken_for_another():
    _, _, switch = tasmota_rig(1, {1: True})
    assert outcome(switch.switch("2", True, DEADLINE)) == [
        "BadAnswer: neither on nor off in the answer to"
        f" GET {URL}/cm?cmnd=Power2: 200, {{}}"
    ]


def test_a_tasmota_with_a_password_is_told_it_and_nobody_else():
    secret = {"user": "admin", "password": "a b&c"}
    states = {1: False}
    _, _, switch = tasmota_rig(1, states, **secret)
    assert outcome(switch.switch("1", True, DEADLINE)) == ["done"]
    options = tasmota.urls(WebOptions(url=URL, user="admin", password="a b&c"))
    _, _, switch = rig(lambda *_: Page(401, '{"WARNING":"Need user"}'), options)
    assert outcome(switch.switch("1", True, DEADLINE)) == [
        f"Refused: the answer to GET {URL}/cm?user=admin&password=***&cmnd=Power1%20On:"
        ' 401, {"WARNING":"Need user"}'
    ]


# Shelly, as its documentation of both APIs has the answers.


def shelly_rig(generation, states):
    def first(_, path):
        split = urlsplit(path)
        if split.path == "/status":
            return '{"relays":[{"ison":false}],"uptime":17}'
        number = int(split.path.removeprefix("/relay/"))
        if number not in states:
            return Page(404, "Not Found")
        if split.query:
            states[number] = split.query == "turn=on"
        return json.dumps(
            {"ison": states[number], "has_timer": False, "source": "http"}
        )

    def later(_, path):
        split = urlsplit(path)
        query = parse_qs(split.query)
        if split.path == "/rpc/Shelly.GetStatus":
            return '{"switch:0":{"id":0,"output":false}}'
        number = int(query["id"][0])
        if number not in states:
            return Page(500, '{"code":-105,"message":"Argument \'id\', value 9"}')
        if split.path == "/rpc/Switch.Set":
            was_on = states[number]
            states[number] = query["on"] == ["true"]
            return json.dumps({"was_on": was_on})
        return json.dumps({"id": number, "source": "http", "output": states[number]})

    options = ShellyOptions(url=URL, generation=generation)
    return rig(first if generation == 1 else later, shelly.urls(options))


@pytest.mark.parametrize("generation", [1, 2, 3, 4])
def test_a_shelly_of_each_generation_is_switched_and_read(generation):
    states = {0: False, 1: True}
    _, _, switch = shelly_rig(generation, states)
    assert outcome(switch.switch("0", True, DEADLINE)) == ["done"]
    assert outcome(switch.switch("1", False, DEADLINE)) == ["done"]
    assert states == {0: True, 1: False}
    assert outcome(switch.test(DEADLINE)) == ["done"]


def test_a_relay_that_a_shelly_has_not_is_refused_as_it_says():
    _, _, switch = shelly_rig(1, {})
    assert outcome(switch.switch("9", True, DEADLINE)) == [
        f"Refused: the answer to GET {URL}/relay/9?turn=on: 404, Not Found"
    ]
    _, _, switch = shelly_rig(2, {})
    assert outcome(switch.switch("9", True, DEADLINE)) == [
        f"Refused: the answer to GET {URL}/rpc/Switch.Set?id=9&on=true: 500,"
        ' {"code":-105,"message":"Argument \'id\', value 9"}'
    ]


def test_a_password_of_a_shelly_goes_in_a_header():
    options = ShellyOptions(url=URL, generation=1, user="admin", password="secret")
    urls = shelly.urls(options)
    assert (urls.user, urls.password) == ("admin", "secret")


@pytest.mark.parametrize(
    ("driver", "right", "wrong"),
    [
        (http, ["1", "A-1", "x_y.z"], ["", "a/b", "a?b", "a b", "{outlet}"]),
        (tasmota, ["1", "9", "10", "32"], ["0", "33", "01", "a"]),
        (shelly, ["0", "9"], ["10", "-1", ""]),
    ],
)
def test_an_outlet_is_what_the_driver_calls_it(driver, right, wrong):
    form = driver.DRIVER.outlet
    assert [form.parse(each) for each in right] == right
    for each in wrong:
        with pytest.raises(ValueError, match="^" + re.escape(each) + "$"):
            form.parse(each)
