from __future__ import annotations

import json

from voila.paths import collect_template_paths

from genesis_lib.widgets import voila_app
from genesis_lib.widgets.serve import SHARE


def test_nothing_but_the_page_is_served():
    c = voila_app.configuration("127.0.0.1", 8870, "secret")
    assert c.Voila.ip == "127.0.0.1" and c.Voila.port_retries == 0 and c.Voila.token == "secret"
    assert c.VoilaConfiguration.file_denylist == [".*"] and c.VoilaConfiguration.file_allowlist == []
    assert c.Voila.tornado_settings["allow_remote_access"] is False
    assert c.MappingKernelManager.cull_idle_timeout > 0


def test_the_policy_allows_this_machine_alone():
    policy = voila_app.content_policy("127.0.0.1", 8870)
    assert "ws://127.0.0.1:8870" in policy and "*" not in policy and "http" not in policy
    assert "[" not in voila_app.content_policy("::1", 8870)


def test_the_template_has_a_base_and_fetches_nothing(monkeypatch):
    monkeypatch.setenv("JUPYTER_PATH", str(SHARE))
    folder = SHARE / "voila/templates/genesis"
    assert json.loads((folder / "conf.json").read_text())["base_template"] == "lab"
    assert collect_template_paths(["voila", "nbconvert"], "genesis", prune=True)[0] == str(folder)
    for file in folder.rglob("*"):
        assert file.is_dir() or "//" not in file.read_text(encoding="utf-8").replace("application/", ""), file.name


def test_the_hook_makes_the_cookie():
    class Request:
        read = False

        @property
        def xsrf_token(self):
            Request.read = True

    voila_app.read_cookie(Request(), notebook=None, cwd=None)
    assert Request.read


def test_frames_leave_at_once(monkeypatch):
    class Handler:
        nodelay = None

        def set_nodelay(self, value):
            self.nodelay = value

    connection = voila_app.PromptConnection.__new__(voila_app.PromptConnection)
    handler = Handler()
    monkeypatch.setattr(voila_app.PromptConnection, "websocket_handler", handler)
    monkeypatch.setattr(voila_app.ZMQChannelsWebsocketConnection, "connect", lambda self: "connected")
    assert connection.connect() == "connected" and handler.nodelay is True
