"""Mutated messages: the compiled scanner, its twin and a parser of decoded JSON give the same, or the same refusal."""

from __future__ import annotations

import importlib.util
import json
import random
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import orderbook_ext
from genesis_lib.errors import InputError
from genesis_lib.feeds.binance import BinanceParser, decode
from genesis_lib.types import BookTicker, DepthSnapshot, DepthUpdate, Instrument, MarkPrice, Trade
from orderbook_ext import ScanError, _scan_py

FOLDER = Path(__file__).parent / "fuzz"
EVENTS = (DepthUpdate, DepthSnapshot, Trade, BookTicker, MarkPrice)
GRIDS = (0.1, 0.01, 5.0, 0.25, 0.00001)

compiled = pytest.mark.skipif(not orderbook_ext.COMPILED, reason="the twin alone cannot differ from anything")


def driver():
    """fuzz/run.py as a module."""
    spec = importlib.util.spec_from_file_location("fuzz_run", FOLDER / "run.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def mutants(count: int, seed: int):
    """Messages of the corpus, changed up to four times."""
    run, draw = driver(), random.Random(seed)
    made, found, words = run.corpus("made"), run.corpus("found"), run.words()
    seeds = made + found
    for _ in range(count):
        text = bytearray(draw.choice(made if draw.random() < 0.8 else found))
        for _ in range(draw.randrange(draw.randrange(1, 6))):
            at, n = draw.randrange(len(text) + 1), draw.randrange(1, 30)
            way = draw.randrange(7)
            if way == 0 and text:
                text[at - 1] ^= 1 << draw.randrange(8)
            elif way == 1:
                del text[at : at + n]
            elif way == 2:
                del text[at:]
            elif way == 3:
                text[at:at] = draw.choice(words)
            elif way == 4:
                text[at:at] = text[at : at + n]
            elif way == 5:
                other = draw.choice(seeds)
                text[at:] = other[draw.randrange(len(other) + 1) :]
            else:
                text[at:at] = bytes(draw.choices(b"0123456789", k=n))
        yield bytes(text)


def outcome(read, *arguments):
    """The event, with columns as lists, or the error."""
    try:
        event = read(*arguments)
    except (ScanError, InputError) as error:
        return error
    return event and (type(event), *(v.tolist() if isinstance(v, np.ndarray) else repr(v) for v in event))


def differ(count: int, seed: int) -> tuple[int, int]:
    """Hold the three against each other; how many were accepted and refused."""
    readers = []
    for tick_size in GRIDS:
        instrument = Instrument("binance-usdm", "BTCUSDT", tick_size, 0.001)
        quick = orderbook_ext.Scanner("BTCUSDT", tick_size, EVENTS)
        readers.append((quick, _scan_py.Scanner("BTCUSDT", tick_size, EVENTS), instrument))
    accepted = refused = 0
    for number, text in enumerate(mutants(count, seed)):
        quick, twin, instrument = readers[number % len(readers)]
        one, other = outcome(quick.scan, text, 7), outcome(twin.scan, text, 7)
        if isinstance(one, ScanError):
            refused += 1
            assert isinstance(other, ScanError), text
            assert (one.offset, one.expected, one.found) == (other.offset, other.expected, other.found), text
            continue
        accepted += 1
        assert one == other, text
        assert (quick.kind, quick.other_symbol) == (twin.kind, twin.other_symbol), text
        parser = BinanceParser(instrument, skip_other_symbols=True)
        assert outcome(parser.parse, decode(text), 7) == one, text
        kind = quick.kind if quick.other_symbol is None else f"other symbol {quick.other_symbol}"
        assert parser.counts == {kind: 1}, text
    return accepted, refused


@compiled
def test_what_is_accepted_means_what_decoded_json_means() -> None:
    accepted, refused = differ(12_000, 1)
    assert accepted > 2_000 and refused > 5_000


@compiled
@pytest.mark.slow
def test_a_hundred_thousand_mutants() -> None:
    accepted, refused = differ(100_000, 2)
    assert accepted > 15_000 and refused > 50_000


def test_the_corpus_is_small_and_covers_every_kind_and_nearly_every_refusal() -> None:
    scanner, kinds, expected = _scan_py.Scanner("BTCUSDT", 0.1), set(), set()
    for text in driver().corpus():
        assert len(text) < 1000
        try:
            scanner.scan(text)
            kinds.add(scanner.kind)
        except ScanError as error:
            expected.add(error.expected)
    assert kinds > {"depthUpdate", "snapshot", "trade", "aggTrade", "bookTicker", "markPriceUpdate", "partial depth"}
    assert len(expected) >= 20, sorted(expected)


@pytest.mark.slow
@pytest.mark.parametrize("portable", [False, True], ids=["", "portable"])
def test_half_a_million_mutants_under_sanitizers(root: Path, portable: bool) -> None:
    if shutil.which("gcc") is None:
        pytest.skip("no gcc: its sanitizers are what watches")
    command = [sys.executable, str(FOLDER / "run.py"), "--rounds", "500000", "--plans", "800", "--seed", "3"]
    done = subprocess.run(command + ["--portable"] * portable, cwd=root, capture_output=True, text=True, timeout=600)
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]
    assert "500,000 messages scanned twice" in done.stdout and "800 plans on every instruction set" in done.stdout


@compiled
def test_the_seeds_are_readable_text() -> None:
    for file in (FOLDER / "corpus").iterdir():
        assert all(isinstance(json.loads(line), str) for line in file.read_text(encoding="utf-8").splitlines())
