import json

import pytest
import zmq

from genesis_lib.errors import SessionError, StateError
from genesis_lib.live.endpoint import QUEUE, Endpoint


@pytest.fixture
def endpoint(tmp_path):
    endpoint = Endpoint(f"ipc://{tmp_path}/f", f"ipc://{tmp_path}/c")
    yield endpoint
    endpoint.close()


@pytest.fixture
def dealer(tmp_path, endpoint):
    with zmq.Context() as context, context.socket(zmq.DEALER) as socket:
        socket.linger = 0
        socket.connect(f"ipc://{tmp_path}/c")
        yield socket


def answer(command, value):
    if command == "fail":
        raise StateError("not in this state")
    return {"command": command}, b"body" if command == "snapshot" else None


def ask(endpoint, dealer, raw):
    dealer.send(raw)
    endpoint.wait(5)
    assert endpoint.serve(answer) == 1
    return dealer.recv_multipart()


def test_questions_are_answered_and_refused_in_words(endpoint, dealer):
    assert json.loads(ask(endpoint, dealer, b'{"id": 7, "command": "status"}')[0]) == {
        "id": 7,
        "ok": True,
        "command": "status",
    }
    assert ask(endpoint, dealer, b'{"id": 8, "command": "snapshot"}')[1] == b"body"
    assert json.loads(ask(endpoint, dealer, b'{"id": 9, "command": "fail"}')[0]) == {
        "id": 9,
        "ok": False,
        "error": "not in this state",
    }


@pytest.mark.parametrize("raw", [b"", b"no json", b"[]", b'{"id": "x", "command": "a"}', b'{"id": 1}', b"\xff"])
def test_rubbish_is_refused_and_nothing_breaks(endpoint, dealer, raw):
    reply = json.loads(ask(endpoint, dealer, raw)[0])
    assert reply["ok"] is False and "must be JSON" in reply["error"]
    assert json.loads(ask(endpoint, dealer, b'{"id": 1, "command": "status"}')[0])["ok"]


def test_a_viewer_that_reads_nothing_holds_nobody_up(tmp_path, endpoint):
    context = zmq.Context()
    slow, quick = context.socket(zmq.SUB), context.socket(zmq.SUB)
    for socket in (slow, quick):
        socket.set(zmq.RCVHWM, 4)
        socket.subscribe(b"")
        socket.connect(f"ipc://{tmp_path}/f")
    got = 0
    for _ in range(200):  # until both have joined
        endpoint.publish(lambda sequence: b"hello")
        if quick.poll(20) and slow.poll(20):
            break
    while quick.poll(50):
        quick.recv_multipart()
    message = bytes(200_000)
    for _ in range(4 * QUEUE):
        endpoint.publish(lambda sequence: message)
        while quick.poll(5):
            got += len(quick.recv_multipart()) == 2
    assert got > QUEUE
    context.destroy(linger=0)


def test_sequence_numbers_count_up_by_one(tmp_path, endpoint):
    seen = []
    for _ in range(3):
        endpoint.publish(lambda sequence: seen.append(sequence) or b"")
    assert seen == [1, 2, 3] and endpoint.sequence == 3


def test_only_unix_sockets_and_only_once(tmp_path):
    with pytest.raises(SessionError, match="unix sockets alone"):
        Endpoint("tcp://127.0.0.1:5555", f"ipc://{tmp_path}/c")
    with pytest.raises(SessionError, match="cannot be bound"):
        Endpoint(f"ipc://{tmp_path}/no/such/folder/f", f"ipc://{tmp_path}/c")
