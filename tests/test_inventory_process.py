"""The inventory changed under a real daemon, by a signal and by the command line."""

from __future__ import annotations

import re
import signal
from pathlib import Path
from typing import Any

from tests.process_lab import ProcessLab, process_lab, until

BOARDS = 9


def tables(text: str) -> dict[str, str]:
    """The text of each board's table, by the board's name."""
    parts = re.split(r"(?m)^(?=\[)", text)
    heads = [(re.match(r"\[boards\.([^.\]]+)\]", part), part) for part in parts]
    return {head[1]: part for head, part in heads if head}


def versions(lab: ProcessLab) -> dict[str, int]:
    return {board["name"]: board["version"] for board in lab.summaries()}


def hang_up(lab: ProcessLab, wait_for: str) -> str:
    """Send SIGHUP; the line by which the daemon says what came of it."""
    assert lab.daemon is not None
    lab.daemon.process.send_signal(signal.SIGHUP)
    return lab.daemon.wait_for(wait_for)


def test_boards_come_and_go_and_the_others_are_not_touched(tmp_path: Path) -> None:
    with process_lab(tmp_path, "--boards", str(BOARDS)) as lab:
        file = tmp_path / "boards.toml"
        whole = file.read_text()
        board = tables(whole)
        without_the_last = whole.replace(board["sim-09"], "")
        file.write_text(without_the_last)
        daemon = lab.start()
        daemon.wait_for("8 boards")
        lab.reimage_all()
        lab.wait_until_all("Ready")
        before = versions(lab)

        address = re.search(r'address = "([^"]+)"', board["sim-02"])
        assert address is not None
        moved = board["sim-02"].replace(address[1], "127.99.99.99")
        changed = whole.replace(board["sim-01"], "").replace(board["sim-02"], moved)
        file.write_text(changed)
        hang_up(lab, "inventory: boards: 1 removed, 1 changed, 1 added")
        (removed,) = [one for one in lab.summaries() if one["removed"]]
        assert removed["name"] == "sim-01"
        asked = lab.ask("/api/v1/boards/sim-09/events/rq-reimage", {"image": "debian"})
        assert asked[0] == 200
        daemon.wait_for("sim-09: ReimageComplete -- image-running --> Ready")
        after = versions(lab)
        assert after.pop("sim-09") > 0
        assert after == before
        shown: dict[str, Any] = lab.ask("/api/v1/boards/sim-02")[1]
        assert shown["address"] == "127.99.99.99"

        # A file with mistakes is refused, each in a line, and the lab is as it was.
        file.write_text(changed.replace("02:", "zz:", 1))
        line = hang_up(lab, "boards.toml: boards.")
        assert "expected a MAC address" in line
        daemon.wait_for("inventory: not applied, for these mistakes")
        assert versions(lab).keys() == before.keys() | {"sim-09"}

        # So is one that was cut short, unless somebody says yes.
        short = changed.replace(board["sim-03"], "")
        for name in ("sim-04", "sim-05", "sim-06", "sim-07", "sim-08"):
            short = short.replace(board[name], "")
        file.write_text(short)
        hang_up(lab, "not applied: 6 of 8 boards would be removed or another, 5 may")
        assert lab.ask("/api/v1/inventory/apply", {})[0] == 409
        status, plan = lab.ask("/api/v1/inventory/apply", {"yes": True})
        assert (status, plan["touched"]) == (200, 6)
        until(lambda: sum(not one["removed"] for one in lab.summaries()) == 2)


def test_a_board_that_is_removed_in_its_off_half_is_let_go_with_its_power_on(
    tmp_path: Path,
) -> None:
    with process_lab(tmp_path, "--boards", "2") as lab:
        file = tmp_path / "boards.toml"
        slow = file.read_text().replace("off_seconds = 0.2", "off_seconds = 2")
        file.write_text(slow)
        daemon = lab.start()
        lab.ask("/api/v1/boards/sim-01/events/rq-reboot", {})
        until(lambda: lab.boards()["sim-01"]["power"] == "off")
        file.write_text(slow.replace(tables(slow)["sim-01"], ""))
        hang_up(lab, "inventory: boards: 1 removed")
        assert not any(one["removed"] for one in lab.summaries())
        daemon.wait_for("sim-01: not in the inventory any more; let go")
        until(lambda: lab.boards()["sim-01"]["power"] == "on")
        assert [one["name"] for one in lab.summaries() if one["removed"]] == ["sim-01"]


def test_a_kill_after_a_reload_starts_with_what_the_file_says(tmp_path: Path) -> None:
    with process_lab(tmp_path, "--boards", "2") as lab:
        file = tmp_path / "boards.toml"
        slow = file.read_text().replace("off_seconds = 0.2", "off_seconds = 5")
        file.write_text(slow)
        daemon = lab.start()
        lab.ask("/api/v1/boards/sim-01/events/rq-reboot", {})
        until(lambda: lab.boards()["sim-01"]["power"] == "off")
        file.write_text(slow.replace(tables(slow)["sim-01"], ""))
        hang_up(lab, "inventory: boards: 1 removed")
        daemon.end(signal.SIGKILL)
        lab.start()
        assert [one["name"] for one in lab.summaries() if one["removed"]] == ["sim-01"]
        until(lambda: lab.boards()["sim-01"]["power"] == "on")
