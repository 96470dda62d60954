"""Build the fuzzer with sanitizers and run it: ``python tests/orderbook_ext/fuzz/run.py --rounds 5000000``.

The scanner's code is compiled into harness.pyx once more, with AddressSanitizer and UndefinedBehaviorSanitizer; the
first step out of bounds, or the first difference between its quick and its plain ways, ends the run with exit code 1.
``--keep`` adds what gave a new outcome to the corpus. The step of streaming networks is built the same way and runs
random plans, see plans.py.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import time
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[2]
SANITIZERS = ["-fsanitize=address,undefined", "-fno-sanitize-recover=all", "-fno-omit-frame-pointer", "-g"]
GRIDS = ((10.0, "0.1"), (100.0, "0.01"), (0.0, "5"), (4.0, "0.25"), (1e5, "0.00001"))


def corpus(name: str = "*") -> list[bytes]:
    """Messages to mutate: those ``made`` by hand, and those ``found`` to give an outcome of their own."""
    found = []
    for file in sorted((HERE / "corpus").glob(f"{name}.jsonl")):
        for line in file.read_text(encoding="utf-8").splitlines():
            found.append(json.loads(line).encode("latin-1"))
    return found


def outcome(message: bytes) -> tuple:
    """What a message is, or what was missed where: the readable scanner's answer."""
    from orderbook_ext._scan_py import ScanError, Scanner

    scanner = Scanner("BTCUSDT", 0.1)
    try:
        event = scanner.scan(message)
    except ScanError as error:
        return error.expected, error.found[:1]
    return scanner.kind[:20], event is None


def words() -> list[bytes]:
    """What is put into them whole."""
    lines = (HERE / "corpus" / "words.txt").read_text(encoding="utf-8").splitlines()
    return [json.loads(line).encode("latin-1") for line in lines]


def build(folder: Path, sanitized: bool, portable: bool) -> None:
    """Compile harness.pyx and the streaming step into `folder`."""
    from Cython.Build import cythonize
    from setuptools import Distribution, Extension

    flags = ["-O1", *SANITIZERS] if sanitized else ["-O3"]
    sources = {"harness": HERE.relative_to(ROOT) / "harness.pyx", "orderbook_ext._stream": "orderbook_ext/_stream.pyx"}
    extensions = [
        Extension(
            name,
            [str(source)],
            include_dirs=["orderbook_ext"],
            extra_compile_args=[*flags, "-ffp-contract=off", *(["-DGENESIS_PORTABLE"] if portable else [])],
            extra_link_args=SANITIZERS[:1] if sanitized else [],
        )
        for name, source in sources.items()
    ]
    directives = {"boundscheck": False, "wraparound": False, "cdivision": True}  # as in setup.py
    modules = cythonize(
        extensions, build_dir=str(folder), quiet=True, force=True, language_level=3, compiler_directives=directives
    )
    command = Distribution({"ext_modules": modules}).get_command_obj("build_ext")
    command.build_lib = command.build_temp = str(folder)
    command.ensure_finalized()
    command.run()


def fuzz(folder: Path, rounds: int, seed: int) -> dict:
    """Run the built harness in this process, on several grids."""
    sys.path.insert(0, str(folder))
    import harness

    total: dict = {"scanned": 0, "accepted": 0, "followed": 0, "kinds": [0] * 9, "faults": [0] * 25, "pool": set()}
    for number, (scale, _) in enumerate(GRIDS):
        got = harness.run(corpus(), words(), rounds // len(GRIDS), seed * 100 + number, scale=scale)
        for name in ("scanned", "accepted", "followed"):
            total[name] += got[name]
        for name in ("kinds", "faults"):
            total[name] = [a + b for a, b in zip(total[name], got[name])]
        total["pool"] |= set(got["pool"])
        if got["wrong"] is not None:
            raise SystemExit(f"grid {scale}: two scans differ, or a rule is broken, on {got['wrong']!r}")
    return total


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--rounds", type=int, default=5_000_000)
    parser.add_argument("--plans", type=int, default=3_000, help="of streaming networks")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--plain", action="store_true", help="without sanitizers: ten times as fast")
    parser.add_argument("--portable", action="store_true", help="with the code for processors without SSE2")
    parser.add_argument("--keep", type=int, default=0, metavar="N", help="add up to N messages to the corpus")
    parser.add_argument("--built", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.built is None:
        folder = ROOT / "build" / f"fuzz{'-plain' * options.plain}{'-portable' * options.portable}"
        folder.mkdir(parents=True, exist_ok=True)
        os.chdir(ROOT)
        build(folder, not options.plain, options.portable)
        env = dict(os.environ) | {"GENESIS_NO_EXTENSIONS": "1"}  # what is watched stands in `folder`
        if not options.plain:
            library = subprocess.run(["gcc", "-print-file-name=libasan.so"], capture_output=True, text=True, check=True)
            env |= {"LD_PRELOAD": library.stdout.strip(), "ASAN_OPTIONS": "detect_leaks=0:abort_on_error=0"}
        raise SystemExit(
            subprocess.run([sys.executable, __file__, *sys.argv[1:], "--built", folder], env=env).returncode
        )
    start = time.monotonic()
    got = fuzz(options.built, options.rounds, options.seed)
    pool = got.pop("pool")
    print(f"{got['scanned']:,} messages scanned twice in {time.monotonic() - start:.0f} s: {got}")
    start = time.monotonic()
    import plans  # beside this file

    ran = plans.fuzz(options.built, options.plans, options.seed)
    print(f"{options.plans:,} plans on every instruction set in {time.monotonic() - start:.0f} s: {ran}")
    if options.keep:
        known = {outcome(message) for message in corpus()}
        new: dict[tuple, bytes] = {}
        for message in sorted(pool, key=lambda message: (len(message), message)):
            if 20 < len(message) < 300 and (key := outcome(message)) not in known:
                new.setdefault(key, message)
        with (HERE / "corpus" / "found.jsonl").open("a", encoding="utf-8") as file:
            for message in list(new.values())[: options.keep]:
                file.write(json.dumps(message.decode("latin-1"), ensure_ascii=True) + "\n")
        print(f"{min(len(new), options.keep)} messages added to the corpus")


if __name__ == "__main__":
    main()
