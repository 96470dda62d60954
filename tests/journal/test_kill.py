"""Invariant: nothing acknowledged is lost, whenever the process is killed."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import textwrap

import pytest

from genesis_lib.engine import Engine
from genesis_lib.feeds import open_source
from genesis_lib.journal import Journal

WORKER = textwrap.dedent(
    """
    import json, sys
    import numpy as np
    from genesis_lib.config import load
    from genesis_lib.engine import Engine
    from genesis_lib.feeds import open_source
    from genesis_lib.journal import Journal

    class Coin:
        name, version, columns, levels = "coin", "1", ("obi_1",), 1
        def exposure(self, instrument, first, last):
            return "unseen"

        def predictor(self):
            self.random = np.random.default_rng(0)
            return self
        def step(self, row):
            return self.random.dirichlet((1.0, 0.2, 1.0))

    source = open_source("simulator", seed=2)
    journal = Journal.open(sys.argv[1], "s")
    config = load(env={}, strategy={"preset": "seed"})
    engine = Engine(source.instrument, artifact=Coin(), config=config, journal=journal)
    if not journal.resumed:
        engine.start()
    while True:
        step = engine.step(source.poll(1.0))
        if step is not None and step.fills:
            engine.commit()
            account = engine.account
            told = [account.position, account.realized, account.fees, len(account.trades), account.trades[-1].id]
            print(json.dumps(told), flush=True)
    """
)


def restored(folder):
    with Journal.open(folder, "s") as journal:
        engine = Engine(open_source("simulator", seed=2).instrument, journal=journal)
        return engine.account


@pytest.mark.parametrize("lines", [1, 40])
def test_after_kill_9_the_account_is_the_one_that_was_told(tmp_path, lines):
    for lives in range(1, 3):  # killed, taken up again, killed again
        worker = subprocess.Popen([sys.executable, "-c", WORKER, str(tmp_path)], stdout=subprocess.PIPE, text=True)
        told = [json.loads(worker.stdout.readline()) for _ in range(lines)]
        worker.send_signal(signal.SIGKILL)
        rest = worker.stdout.read().splitlines()  # told before the signal came
        worker.wait()
        told += [json.loads(line) for line in rest if line.endswith("]")]
        account = restored(tmp_path)
        trades = account.trades
        last = told[-1]
        assert len(trades) >= last[3] >= lines * lives and account.active
        # At most one fill was committed and not yet told; up to the last told one, all agrees.
        assert len(trades) - last[3] <= 1 and trades[last[3] - 1].id == last[4]
        assert [trade.id for trade in trades] == list(range(1, len(trades) + 1))
        if len(trades) == last[3]:
            assert [account.position, account.realized, account.fees] == last[:3]
        assert account.realized == pytest.approx(sum(trade.pnl for trade in trades))
        signed = sum(trade.size if trade.side == "BUY" else -trade.size for trade in trades)
        assert account.position == pytest.approx(signed)
