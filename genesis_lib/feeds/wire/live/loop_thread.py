"""An asyncio loop in a thread of its own that ends in bounded time, whatever its tasks are doing."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Coroutine
from concurrent.futures import Future
from contextlib import suppress
from typing import Any

ROUND = 0.5  # s that cancelled tasks have before they are cancelled again
ROUNDS = 6  # then the loop is left with what still runs


class LoopThread:
    """Run a coroutine in a loop in a daemon thread.

    A task may lose a cancellation: one that arrives together with a result, or inside a library that catches too much.
    So `stop` cancels every task of the loop again and again, at most `ROUNDS` times, and never waits without a limit.

    Parameters
    ----------
    main
        Called in the thread to make the coroutine.
    failed
        Called in the thread with what `main` raised, cancellation aside.
    name
        Of the thread.

    Attributes
    ----------
    ended : threading.Event
        Set once the loop runs no more.
    left : int
        Tasks that would not end; 0 unless something is wrong.
    """

    def __init__(
        self,
        main: Callable[[], Coroutine[Any, Any, None]],
        *,
        failed: Callable[[BaseException], None],
        name: str,
    ) -> None:
        self._main, self._failed = main, failed
        self.loop = asyncio.new_event_loop()
        self.ended = threading.Event()
        self.left = 0
        self._stop = asyncio.Event()
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)

    def start(self) -> None:
        """Start the thread."""
        self._thread.start()

    def stop(self) -> bool:
        """End every task and the thread; gives whether all has ended. May be called again, and from any thread."""
        with suppress(RuntimeError):  # the loop may have been closed just now
            self.loop.call_soon_threadsafe(self._stop.set)
        if threading.current_thread() is not self._thread:
            self._thread.join(timeout=ROUND * (ROUNDS + 2))
        return self.ended.is_set() and not self.left

    def call(self, coroutine: Coroutine[Any, Any, Any]) -> Future:
        """Run a coroutine in the loop from another thread; gives its future, cancelled when the loop has ended."""
        try:
            return asyncio.run_coroutine_threadsafe(coroutine, self.loop)
        except RuntimeError:
            coroutine.close()
            future: Future = Future()
            future.cancel()
            return future

    def _run(self) -> None:
        asyncio.set_event_loop(self.loop)
        try:
            self.loop.run_until_complete(self._guard())
        except BaseException as error:
            self._failed(error)
        finally:
            self.ended.set()
            self.loop.close()

    async def _guard(self) -> None:
        main, stop = asyncio.create_task(self._main()), asyncio.create_task(self._stop.wait())
        await asyncio.wait({main, stop}, return_when=asyncio.FIRST_COMPLETED)
        if main.done() and not main.cancelled() and main.exception() is not None:
            self._failed(main.exception())
        for _ in range(ROUNDS):
            tasks = asyncio.all_tasks() - {asyncio.current_task()}
            if not tasks:
                break
            for task in tasks:
                task.cancel()
            await asyncio.wait(tasks, timeout=ROUND)
        self.left = len(asyncio.all_tasks()) - 1
