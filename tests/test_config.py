from __future__ import annotations

from dataclasses import FrozenInstanceError

import pytest

from genesis_lib.config import Config, load
from genesis_lib.errors import ConfigError


def test_arguments_win_over_environment_over_file(tmp_path) -> None:
    file = tmp_path / "genesis.toml"
    file.write_text("[execution]\nlatency_ms = 1\ntaker_fee_bps = 1\nmaker_fee_bps = 1\n")
    env = {"GENESIS_EXECUTION_LATENCY_MS": "2", "GENESIS_EXECUTION_TAKER_FEE_BPS": "2", "HOME": "x"}
    config = load(file, env, execution={"latency_ms": 3.0, "maker_fee_bps": None})
    assert (config.execution.latency_ms, config.execution.taker_fee_bps, config.execution.maker_fee_bps) == (3, 2, 1)


def test_settings_cannot_be_changed() -> None:
    with pytest.raises(FrozenInstanceError):
        Config().execution.latency_ms = 1.0


def test_the_short_name_of_the_recordings() -> None:
    assert load(env={"GENESIS_RECORDINGS": "elsewhere"}).paths.recordings == "elsewhere"


@pytest.mark.parametrize(
    ("env", "words"),
    [
        ({"GENESIS_EXECUTION_LATENCYMS": "3"}, "unknown key of .execution. 'latencyms'; did you mean 'latency_ms'"),
        ({"GENESIS_PATH_DATA": "3"}, "unknown section 'path'; did you mean 'paths'"),
        ({"GENESIS_EXECUTION_LATENCY_MS": "soon"}, "latency_ms must be float, got 'soon'"),
    ],
)
def test_mistakes_are_named(env, words) -> None:
    with pytest.raises(ConfigError, match=words):
        load(env=env)


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("[market]\ndepth = 10.7", "depth must be int, got 10.7"),
        ("[market]\ndepth = inf", "depth must be int, got inf"),
        ("[market]\ndepth = true", "depth must be int, got True"),
        ("[execution]\nlatency_ms = nan", "latency_ms must be a finite number, got nan"),
        ("[paths]\nmodels = 3", "models must be str, got 3"),
        ("[paths]\nmodels = ['a']", "models must be str"),
    ],
)
def test_values_are_never_bent_into_a_type(tmp_path, line, words) -> None:
    (tmp_path / "genesis.toml").write_text(line)
    with pytest.raises(ConfigError, match=words):
        load(tmp_path / "genesis.toml", {})


def test_whole_numbers_may_be_written_as_they_come(tmp_path) -> None:
    (tmp_path / "genesis.toml").write_text("[market]\ndepth = 7.0\n[execution]\nlatency_ms = 3\n")
    config = load(tmp_path / "genesis.toml", {"GENESIS_MARKET_LADDER": "8"})
    assert (config.market.depth, config.market.ladder, config.execution.latency_ms) == (7, 8, 3.0)


def test_a_broken_or_missing_file_is_named(tmp_path) -> None:
    file = tmp_path / "genesis.toml"
    with pytest.raises(ConfigError, match="no such file"):
        load(file)
    with pytest.raises(ConfigError, match="no such file"):
        load(env={"GENESIS_CONFIG": str(file)})
    file.write_text("[execution\n")
    with pytest.raises(ConfigError, match=r"genesis\.toml: not valid TOML"):
        load(file)
    file.write_text("execution = 3\n")
    with pytest.raises(ConfigError, match="section 'execution' must hold keys"):
        load(file, {})


def test_notebooks_and_shell_find_the_same_folders(tmp_path, monkeypatch) -> None:
    for name in ("notebooks", "models"):
        (tmp_path / name).mkdir()
    monkeypatch.chdir(tmp_path)
    assert load(env={}).paths.models == "models"
    monkeypatch.chdir(tmp_path / "notebooks")
    assert load(env={}).paths.models == "../models"
    assert load(env={"GENESIS_PATHS_MODELS": "mine"}).paths.models == "mine"
    (tmp_path / "genesis.toml").write_text("[paths]\nmodels = 'elsewhere'\n")
    assert load(env={}).paths.models == "../elsewhere"


@pytest.mark.parametrize(
    ("section", "key", "value"),
    [
        ("market", "depth", "0"),
        ("market", "ladder", "-3"),
        ("session", "frames_per_second", "0"),
        ("execution", "latency_ms", "nan"),
    ],
)
def test_numbers_that_nothing_can_be_done_with_are_refused(section, key, value) -> None:
    with pytest.raises(ConfigError, match=rf"{key} must be .*, got '?{value}"):
        load(env={f"GENESIS_{section}_{key}".upper(): value})


@pytest.mark.parametrize(
    ("key", "value", "message"),
    [
        ("trades", "trades", "trades must be 'trade' or 'aggTrade', got 'trades'"),
        ("depth_speed", "fast", "depth_speed must be empty or like '100ms', got 'fast'"),
        ("snapshot_levels", 4, "snapshot_levels must be at least 5, got 4"),
        ("lifetime_s", 0.0, r"lifetime_s must be greater than 0, got 0\.0"),
    ],
)
def test_a_live_feed_cannot_be_asked_for_nonsense(key, value, message):
    with pytest.raises(ConfigError, match=message):
        load(env={}, feeds={key: value})


def test_lists_are_tables_words_or_json(tmp_path) -> None:
    (tmp_path / "genesis.toml").write_text('[alerts]\nsinks = ["log", {url = "file:a", least_severity = "critical"}]\n')
    assert load(tmp_path / "genesis.toml", {}).alerts.sinks == ("log", {"url": "file:a", "least_severity": "critical"})
    assert load(env={"GENESIS_ALERTS_SINKS": " log  json://a/b,c "}).alerts.sinks == ("log", "json://a/b,c")
    assert load(env={"GENESIS_ALERTS_SINKS": '["log", {"url": "x"}]'}).alerts.sinks == ("log", {"url": "x"})


@pytest.mark.parametrize("value", ['["mailtos://me:s3cret@x"', '[["s3cret"]]', 's3cret"'])
def test_what_may_be_a_password_is_not_quoted(value) -> None:
    try:
        assert load(env={"GENESIS_ALERTS_SINKS": value}).alerts.sinks == (value,)
    except ConfigError as error:
        assert "s3cret" not in str(error) and "sinks must be a list" in str(error)
        assert error.__cause__ is None and (error.__suppress_context__ or error.__context__ is None)


@pytest.mark.parametrize(
    ("section", "words"),
    [
        ({"sink_queue": 0}, "sink_queue must be at least 1, got 0"),
        ({"sink_timeout_s": 0.0}, "sink_timeout_s must be greater than 0"),
        ({"flush_s": -1.0}, "flush_s must not be negative"),
        ({"flush_s": 1e300}, "flush_s must be at most 3600, got 1e"),
        ({"sink_longest_wait_s": 1e300}, "sink_longest_wait_s must be at most 3600"),
        ({"sink_queue": 10**12}, "sink_queue must be at most 100000, got 1000000000000"),
        ({"rules": "x"}, None),
        ({"rules": [1]}, "rules must be a list of texts or tables"),
    ],
)
def test_settings_of_alerts(section, words) -> None:
    if words is None:
        assert load(env={}, alerts=section).alerts.rules == ("x",)
        return
    with pytest.raises(ConfigError, match=words):
        load(env={}, alerts=section)
