from __future__ import annotations

import json
import socket

import httpx
import numpy as np
import pytest
from websockets.sync import client

from genesis_lib.errors import InputError, SessionError
from genesis_lib.feeds.simulation.simulator import Simulator
from genesis_lib.feeds.wire.local.venue import LocalVenue


@pytest.fixture(scope="module")
def venue():
    with LocalVenue(Simulator(1), speed=50.0) as served:
        yield served


def connect(url):
    return client.connect(url, proxy=None, close_timeout=0.2)


def get(venue, path) -> httpx.Response:
    return httpx.get(venue.rest_url + path, trust_env=False)


@pytest.mark.parametrize("prefix", ["/fapi/v1", "/dapi/v1", "/api/v3"])
def test_rest_speaks_as_binance_does(venue, prefix):
    assert get(venue, f"{prefix}/ping").json() == {}
    assert get(venue, f"{prefix}/time").json()["serverTime"] > 1_700_000_000_000
    info = get(venue, f"{prefix}/exchangeInfo").json()["symbols"][0]
    assert info["symbol"] == "SIMBTC"
    assert {f["filterType"]: f.get("stepSize") for f in info["filters"]}["LOT_SIZE"] == "0.001"
    book = get(venue, f"{prefix}/depth?symbol=SIMBTC&limit=20")
    assert book.headers["X-Genesis-Provenance"] == "simulated"
    assert len(book.json()["bids"]) == 20
    assert float(book.json()["bids"][0][0]) < float(book.json()["asks"][0][0])


@pytest.mark.parametrize(
    ("path", "status", "code"),
    [
        ("/fapi/v1/depth?symbol=NOSUCH", 400, -1121),
        ("/fapi/v1/exchangeInfo?symbol=NOSUCH", 400, -1121),
        ("/fapi/v1/depth?symbol=SIMBTC&limit=0", 400, -1130),
        ("/fapi/v1/depth?symbol=SIMBTC&limit=many", 400, -1100),
        ("/fapi/v1/depth?symbol=SIMBTC&limit=7", 400, -4021),
        ("/fapi/v1/depth?limit=5", 400, -1102),
        ("/fapi/v1/klines?symbol=SIMBTC&interval=7m", 400, -1120),
        ("/fapi/v1/exchangeInfo?symbols=[", 400, -1100),
        ("/fapi/v1/leverage", 404, -5000),
        ("/fapi/v1/order?symbol=SIMBTC", 400, -1102),
        ("/elsewhere", 404, -5000),
    ],
)
def test_wrong_requests_get_binances_codes(venue, path, status, code):
    answer = get(venue, path)
    assert (answer.status_code, answer.json()["code"]) == (status, code)


def test_refusals_are_given_as_often_as_asked_for(venue):
    venue.refuse(429, "3", count=1)
    answer = get(venue, "/fapi/v1/depth?symbol=SIMBTC")
    assert (answer.status_code, answer.headers["Retry-After"]) == (429, "3")
    assert get(venue, "/fapi/v1/depth?symbol=SIMBTC").status_code == 200


def test_streams_are_combined_or_raw_and_snapshots_continue_them(venue):
    url = f"{venue.websocket_url}/public/stream?streams=simbtc@depth@100ms/simbtc@trade"
    with connect(url) as combined, connect(f"{venue.websocket_url}/ws/simbtc@depth") as raw:
        kinds = {json.loads(combined.recv(5))["data"]["e"] for _ in range(40)}
        assert kinds == {"depthUpdate", "trade"}
        diffs = [json.loads(raw.recv(5)) for _ in range(5)]
        assert all(b["pu"] == a["u"] for a, b in zip(diffs, diffs[1:]))  # noqa: RUF007
        snapshot = get(venue, "/fapi/v1/depth?symbol=SIMBTC&limit=1000").json()
        while diffs[-1]["u"] < snapshot["lastUpdateId"]:
            diffs.append(json.loads(raw.recv(5)))
        assert any(d["pu"] <= snapshot["lastUpdateId"] <= d["u"] for d in diffs)


def test_a_dropped_diff_is_missing_from_the_stream():
    with (
        LocalVenue(Simulator(2), speed=50.0) as served,
        connect(f"{served.websocket_url}/ws/simbtc@depth") as raw,
    ):
        first = json.loads(raw.recv(5))
        served.drop_diff()
        diffs = [first, *(json.loads(raw.recv(5)) for _ in range(30))]
        assert sum(b["pu"] != a["u"] for a, b in zip(diffs, diffs[1:])) == 1  # noqa: RUF007


def test_a_port_in_use_is_one_clear_error():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(SessionError, match=f"port {port} on 127.0.0.1 is in use"):
            LocalVenue(Simulator(1), port=port).start()


def test_a_speed_that_cannot_be_is_refused():
    with pytest.raises(InputError, match="speed must be greater than 0"):
        LocalVenue(Simulator(1), speed=-1)


def test_the_data_ends_and_the_book_stays():
    with LocalVenue(Simulator(3, minutes=0.05), speed=float("inf"), wait_for=0) as served:
        assert served.ended.wait(10)
        served.check()
        last = None
        for event in Simulator(3, minutes=0.05):
            last = event
        assert get(served, "/fapi/v1/depth?symbol=SIMBTC").json()["lastUpdateId"] == last.last_id
        assert np.isfinite(served.playback.top(10)).all()


def test_each_symbol_says_where_it_comes_from(usdm_2024):
    with LocalVenue([Simulator(1), usdm_2024[0]], wait_for=1) as served:
        path = "/fapi/v1/exchangeInfo"
        said = {
            query: get(served, path + query).headers["X-Genesis-Provenance"]
            for query in ("", "?symbol=SIMBTC", "?symbol=BTCUSDT")
        }
    assert said == {"": "simulated", "?symbol=SIMBTC": "simulated", "?symbol=BTCUSDT": "recorded"}
