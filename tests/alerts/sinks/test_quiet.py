import logging
import threading

from genesis_lib.alerts.sinks.quiet import TALKATIVE, Quiet


def test_one_thread_alone_is_silenced_and_only_meanwhile(caplog):
    with caplog.at_level(logging.DEBUG):

        def send():
            with Quiet():
                for name in TALKATIVE:
                    logging.getLogger(name).warning("https://s3cret")
                logging.getLogger("genesis.alerts").warning("ours")
                inside.set()
                done.wait(10)

        inside, done = threading.Event(), threading.Event()
        thread = threading.Thread(target=send, daemon=True)
        thread.start()
        assert inside.wait(10)
        logging.getLogger("httpx").warning("of another thread")
        done.set()
        thread.join(10)
        logging.getLogger("httpx").warning("after it")
    assert caplog.messages == ["ours", "of another thread", "after it"]
