"""Tokens by command: made, used, listed and revoked."""

from __future__ import annotations

import json
from pathlib import Path

from tests.cli_rig import CliRig, cli
from tests.web_rig import STRANGER


def made(rig: CliRig, name: str = "ci", *words: str) -> str:
    said = rig.run("tokens", "make", name, "--role", "operate", *words)
    assert (said.status, len(said.out), said.err) == (0, 1, [])
    return said.out[0]


def test_a_token_is_told_once_and_history_names_who_has_it() -> None:
    rig = cli()
    token = made(rig, "ci-jenkins")
    rig.wire.peer = STRANGER
    assert rig.run("--token", token, "reboot", "panda-01").status == 0
    assert rig.web.outcomes() == [("rq-reboot", "moved", "operator ci-jenkins")]


def test_a_role_is_not_enough_for_everything() -> None:
    rig = cli()
    token = made(rig)
    rig.wire.peer = STRANGER
    said = rig.run("--token", token, "tokens", "list")
    why = "operator ci has the role operate, this needs admin"
    url = "http://127.0.0.1:8080/api/v1/operators"
    assert said == (1, [], [f"lifeguard: {url}: {why}"])


def test_tokens_are_listed_with_what_has_become_of_them() -> None:
    rig = cli()
    assert rig.run("tokens", "list").out == [
        "no tokens but that of STATE_DIR/operator.token"
    ]
    made(rig, "eve", "--expires", "12h")
    token = made(rig, "ci")
    rig.run("--token", token, "reboot", "panda-01")
    rig.clock.advance(12 * 3600)
    assert rig.run("tokens", "revoke", "ci") == (0, ["ci: revoked"], [])
    assert rig.run("tokens", "list").out == [
        "   NAME  ROLE     MADE      LAST USED",
        "✗  eve   operate  00:00:00  never      expired 12:00:00",
        "✗  ci    operate  00:00:00  12 h ago   revoked 12:00:00",
    ]
    listed = json.loads(rig.run("tokens", "list", "--json").out[0])
    assert [each["name"] for each in listed["operators"]] == ["eve", "ci"]


def test_what_makes_no_sense_is_refused_in_one_line() -> None:
    rig = cli()
    for words, said in (
        (["make", "ci", "--role", "root"], "'root' is not one of"),
        (["make", "ci"], "Missing option '--role'"),
        (["make", "ci", "--role", "see", "--expires", "soon"], "like 90d or 12h"),
        (["make", "ci", "--role", "see", "--expires", "0d"], "like 90d or 12h"),
        (["make", "127.0.0.1", "--role", "see"], "Expected `str` matching regex"),
        (["make", "token", "--role", "see"], "token is lifeguard's own"),
        (["revoke", "nobody"], "nobody called nobody has a token"),
    ):
        status, out, err = rig.run("tokens", *words)
        assert (status, out, len(err)) == (status or 1, [], 1), words
        assert said in err[0]


def test_a_token_may_be_read_from_a_file(tmp_path: Path) -> None:
    rig = cli()
    (tmp_path / "token").write_text(made(rig) + "\n")
    rig.wire.peer = STRANGER
    file = str(tmp_path / "token")
    assert rig.run("reboot", "panda-01", LIFEGUARD_TOKEN_FILE=file).status == 0
