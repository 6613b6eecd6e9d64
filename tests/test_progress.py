"""Progress: heartbeats reach the board; a terminal gets a line, a log gets JSON."""

from __future__ import annotations

import io
import json
import socket
import time

import pytest

from cc_math import progress
from cc_math.progress import Heartbeat, ProgressBoard


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def wait_for(board: ProgressBoard, name: str, number: int) -> None:
    deadline_s = time.monotonic() + 5
    while board.totals().get(name) != number and time.monotonic() < deadline_s:
        time.sleep(0.005)


def test_heartbeats_of_all_chunks_add_up() -> None:
    with ProgressBoard("extract", 2, 100, "127.0.0.1", io.StringIO()) as board:
        for chunk, done in (("a", 3), ("b", 4), ("a", 5)):
            heartbeat = Heartbeat(board.address, board.token, chunk)
            heartbeat.send({"done": done, "kept": 1})
        wait_for(board, "done", 9)
        assert board.totals() == {"done": 9, "kept": 2}


def test_a_finished_chunk_keeps_what_it_counted() -> None:
    log = io.StringIO()
    with ProgressBoard("extract", 1, 10, "127.0.0.1", log) as board:
        heartbeat = Heartbeat(board.address, board.token, "a")
        heartbeat.send({"done": 7, "done_weight": 5})
        heartbeat.send({"done_weight": 10, "chunk_finished": 1}, force=True)
        wait_for(board, "done_weight", 10)
    last = json.loads(log.getvalue().splitlines()[-1])
    assert (last["done"], last["chunks_finished"], last["share"]) == (7, 1, 1.0)


def test_a_log_gets_json_lines_with_rate_and_time_left() -> None:
    log = io.StringIO()
    with ProgressBoard("score", 4, 200, "127.0.0.1", log) as board:
        Heartbeat(board.address, board.token, "a").send({"done": 5, "done_weight": 50})
        wait_for(board, "done", 5)
        board.print()
    for line in log.getvalue().splitlines():
        record = json.loads(line)
        assert (record["stage"], record["chunks"], record["share"]) == ("score", 4, 0.25)
        assert record["done"] == 5
        assert record["left_s"] >= 0
        assert "done_weight" not in record


def test_a_terminal_gets_one_line_that_is_rewritten() -> None:
    screen = Terminal()
    with ProgressBoard("extract", 1, 100, "127.0.0.1", screen) as board:
        Heartbeat(board.address, board.token, "a").send({"done": 1234, "done_weight": 50})
        wait_for(board, "done", 1234)
        board.print()
    text = screen.getvalue()
    assert "extract   50%" in text
    assert "done 1,234" in text
    assert "left" in text
    assert text.startswith("\r\x1b[K")
    assert text.count("\n") == 1  # at the very end, so that the last state stays to be read


def test_nothing_heard_of_is_no_share_and_no_guess() -> None:
    log = io.StringIO()
    with ProgressBoard("extract", 1, 0, "127.0.0.1", log):
        pass
    record = json.loads(log.getvalue())
    assert (record["share"], record["left_s"]) == (0.0, None)


def test_strangers_are_not_heard() -> None:
    with ProgressBoard("extract", 1, 1, "127.0.0.1", io.StringIO()) as board:
        Heartbeat(board.address, "another run", "a").send({"done": 99})
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as stranger:
            for data in (b"", b"\xff", b"[]", b"7", b'{"token": 1}', b'{"counts": {}}'):
                stranger.sendto(data, board.address)
        Heartbeat(board.address, board.token, "a").send({"done": 1})
        wait_for(board, "done", 1)
        assert board.totals() == {"done": 1}


def test_heartbeats_are_few_unless_forced(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(progress, "HEARTBEAT_INTERVAL_S", 60.0)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as board:
        board.bind(("127.0.0.1", 0))
        board.settimeout(5)
        heartbeat = Heartbeat(("127.0.0.1", board.getsockname()[1]), "t", "a")
        for done in range(100):
            heartbeat.send({"done": done})
        heartbeat.send({"done": 100}, force=True)
        heard = [json.loads(board.recv(65536))["counts"]["done"] for _ in range(2)]
    assert heard == [0, 100]


def test_a_heartbeat_without_an_address_is_silent() -> None:
    Heartbeat(None, "", "a").send({"done": 1}, force=True)


def test_a_network_that_refuses_costs_only_detail() -> None:
    heartbeat = Heartbeat(("192.0.2.1", 0), "t", "a")  # port 0 cannot be sent to
    heartbeat.send({"done": 1})
    heartbeat.send({"done": 2}, force=True)


def test_a_host_that_is_not_this_machines_does_not_stop_the_work() -> None:
    with ProgressBoard("extract", 1, 1, "192.0.2.1", io.StringIO()) as board:
        port = board.address[1]
        Heartbeat(("127.0.0.1", port), board.token, "a").send({"done": 1})
        wait_for(board, "done", 1)
        assert board.totals() == {"done": 1}
    assert progress.HEARTBEAT_INTERVAL_S <= progress.LOG_INTERVAL_S
