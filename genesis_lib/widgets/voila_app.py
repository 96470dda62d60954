"""The dashboard's web server: Voila, set up in code so that no configuration file of the user changes what it serves.

Started by `genesis_lib.widgets.serve.voila_command`.
"""

from __future__ import annotations

import os
import sys

from jupyter_server.services.kernels.connection.channels import ZMQChannelsWebsocketConnection
from tornado.ioloop import IOLoop, PeriodicCallback
from traitlets.config import Config
from voila.app import Voila

from genesis_lib.widgets.serve import TOKEN_VARIABLE

EXTENSIONS = ["anywidget", "@jupyter-widgets/jupyterlab-manager", "@voila-dashboards/widgets-manager8"]
IDLE_S, CULL_EVERY_S = 60, 15  # a kernel whose page is gone lives this long


class PromptConnection(ZMQChannelsWebsocketConnection):
    """A kernel's websocket that sends at once: with Nagle's algorithm, frames wait for the browser's delayed ACK."""

    def connect(self):
        self.websocket_handler.set_nodelay(True)
        return super().connect()


def read_cookie(req, notebook, cwd) -> None:
    """Make the page's XSRF cookie exist: a page without it may not end its kernel, so each reload would leak one."""
    req.xsrf_token  # noqa: B018  the property sets the cookie


def configuration(host: str, port: int, token: str) -> Config:
    """Everything the server does and refuses."""
    c = Config()
    c.Voila.ip, c.Voila.port, c.Voila.port_retries = host, port, 0
    c.Voila.token = token
    c.Voila.open_browser = False
    c.Voila.config_file_paths = []
    c.Voila.log_level = "WARN"
    c.Voila.kernel_websocket_connection_class = PromptConnection
    c.Voila.tornado_settings = {
        "allow_remote_access": False,  # a page of another site that points its name here is refused
        "local_hostnames": ["localhost"],
        "headers": {"Content-Security-Policy": content_policy(host, port), "Referrer-Policy": "no-referrer"},
    }
    c.VoilaConfiguration.template = "genesis"
    c.VoilaConfiguration.theme = "dark"
    c.VoilaConfiguration.allow_template_override = "NO"
    c.VoilaConfiguration.allow_theme_override = "NO"
    c.VoilaConfiguration.strip_sources = True
    c.VoilaConfiguration.file_allowlist = []
    c.VoilaConfiguration.file_denylist = [".*"]
    c.VoilaConfiguration.extension_allowlist = EXTENSIONS
    c.VoilaConfiguration.prelaunch_hook = read_cookie
    c.MappingKernelManager.cull_idle_timeout = IDLE_S
    c.MappingKernelManager.cull_interval = CULL_EVERY_S
    return c


def content_policy(host: str, port: int) -> str:
    """The browser itself refuses whatever is not on this machine.

    Widgets' modules are imported from blob URLs, and the kernel's answers carry styles: both are inside the page.
    """
    # A policy cannot name an IPv6 address; there 'self' must do.
    sockets = " ".join(f"ws://{name}:{port}" for name in ("127.0.0.1", "localhost") if ":" not in host)
    return (
        "default-src 'self' data: blob:; script-src 'self' 'unsafe-inline' 'unsafe-eval' blob:; "
        f"style-src 'self' 'unsafe-inline'; connect-src 'self' {sockets} data: blob:; frame-ancestors 'none'"
    )


def main(notebook: str, host: str, port: str, parent: str = "0") -> None:
    """Serve until SIGINT or SIGTERM, or until the parent process is gone."""
    app = Voila(config=configuration(host, int(port), os.environ.pop(TOKEN_VARIABLE)))
    app.initialize([notebook])
    if int(parent):
        loop = IOLoop.current()
        PeriodicCallback(lambda: os.getppid() == int(parent) or loop.stop(), 1000).start()
    app.start()


if __name__ == "__main__":
    main(*sys.argv[1:])
