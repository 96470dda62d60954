from __future__ import annotations

import asyncio
import threading
import time
from concurrent.futures import CancelledError
from contextlib import suppress

import pytest

from genesis_lib.feeds.wire.live import loop_thread
from genesis_lib.feeds.wire.live.loop_thread import LoopThread


def thread_of(main, errors: list | None = None) -> LoopThread:
    thread = LoopThread(main, failed=(errors if errors is not None else []).append, name="test")
    thread.start()
    return thread


def test_it_ends_with_its_work():
    done = threading.Event()

    async def main() -> None:
        done.set()

    thread = thread_of(main)
    assert done.wait(5)
    assert thread.ended.wait(5)
    assert thread.stop()


def test_an_error_is_told():
    async def main() -> None:
        raise OSError("broken")

    errors: list[BaseException] = []
    thread = thread_of(main, errors)
    assert thread.ended.wait(5)
    assert [str(error) for error in errors] == ["broken"]


def test_tasks_are_ended_though_they_swallow_a_cancellation(monkeypatch):
    monkeypatch.setattr(loop_thread, "ROUND", 0.05)
    started = threading.Event()

    async def stubborn() -> None:
        for _ in range(3):
            with suppress(asyncio.CancelledError):
                await asyncio.sleep(60)

    async def main() -> None:
        side = asyncio.create_task(stubborn())
        started.set()
        await side

    thread = thread_of(main)
    assert started.wait(5)
    assert thread.stop()
    assert thread.left == 0


def test_it_returns_though_a_task_never_ends(monkeypatch):
    monkeypatch.setattr(loop_thread, "ROUND", 0.01)
    started = threading.Event()

    async def main() -> None:
        started.set()
        for _ in range(100):
            with suppress(asyncio.CancelledError):
                await asyncio.sleep(60)

    thread = thread_of(main)
    assert started.wait(5)
    assert not thread.stop()
    assert thread.ended.is_set()
    assert thread.left == 1


def test_a_call_into_a_loop_that_has_ended_is_cancelled_and_not_lost():
    async def main() -> None:
        return None

    async def work() -> int:
        return 1

    thread = thread_of(main)
    assert thread.ended.wait(5)
    time.sleep(0.05)  # the loop is closed just after
    with pytest.raises(CancelledError):
        thread.call(work()).result(timeout=1)
