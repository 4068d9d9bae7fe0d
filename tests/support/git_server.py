"""A Git server that speaks https, as forges do: Git's own program behind a small server, which can misbehave."""

from __future__ import annotations

import http.server
import os
import ssl
import subprocess
import threading
from pathlib import Path
from urllib.parse import urlsplit

from tests.support.remote import Authority

_EXEC = subprocess.run(["git", "--exec-path"], capture_output=True, text=True, check=True).stdout.strip()


class GitServer:
    """Serves the bare repositories in a folder at `url`, with a certificate that `authority` vouches for.

    `token`: what must be sent as the password. `misbehave`: `hang` (answer never), `trickle` (one byte per second),
    `redirect` (to `elsewhere`), `echo` (refuse, and repeat what was sent). `seen` are the credentials that came.
    """

    def __init__(self, folder: Path, certificates: Path) -> None:
        self.folder, self.token, self.misbehave, self.elsewhere = folder, "", "", ""
        self.seen: list[str] = []
        self.stopped = threading.Event()
        server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        server.daemon_threads = True
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificates / "servercert.pem", certificates / "serverkey.pem")
        server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
        self._server = server
        self.url = f"https://localhost:{server.server_address[1]}"
        threading.Thread(target=server.serve_forever, daemon=True).start()

    def close(self) -> None:
        """Stop, and let go of whoever hangs."""
        self.stopped.set()
        self._server.shutdown()
        self._server.server_close()

    def _handler(self) -> type[http.server.BaseHTTPRequestHandler]:
        ours = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def log_message(self, format: str, *args: object) -> None:
                """No talk."""

            def do_GET(self) -> None:
                ours._answer(self, b"")

            def do_POST(self) -> None:
                length = self.headers.get("Content-Length")
                ours._answer(self, self.rfile.read(int(length)) if length else _chunks(self))

        return Handler

    def _answer(self, asked: http.server.BaseHTTPRequestHandler, body: bytes) -> None:
        credentials = asked.headers.get("Authorization", "")
        self.seen.append(credentials)
        if self.misbehave == "redirect":
            asked.send_response(302)
            asked.send_header("Location", self.elsewhere + asked.path)
            asked.send_header("Content-Length", "0")
            asked.end_headers()
        elif self.misbehave == "echo" or (self.token and not credentials):
            asked.send_response(403 if credentials else 401)
            said = f"you sent {credentials} \x1b[31m".encode()
            asked.send_header("Content-Type", "text/plain")
            asked.send_header("Content-Length", str(len(said)))
            asked.end_headers()
            asked.wfile.write(said)
        elif self.misbehave in ("hang", "trickle"):
            self._trickle(asked)
        else:
            _backend(asked, body, self.folder)

    def _trickle(self, asked: http.server.BaseHTTPRequestHandler) -> None:
        asked.send_response(200)
        asked.send_header("Content-Type", "application/x-git-upload-pack-advertisement")
        asked.end_headers()
        while not self.stopped.wait(1):
            if self.misbehave == "trickle":
                asked.wfile.write(b"0")
                asked.wfile.flush()


def _chunks(asked: http.server.BaseHTTPRequestHandler) -> bytes:
    body = b""
    while size := int(asked.rfile.readline().strip() or b"0", 16):
        body += asked.rfile.read(size)
        asked.rfile.readline()
    return body


def _backend(asked: http.server.BaseHTTPRequestHandler, body: bytes, folder: Path) -> None:
    url = urlsplit(asked.path)
    environment = {
        "PATH": os.environ["PATH"],
        "GIT_PROJECT_ROOT": str(folder),
        "GIT_HTTP_EXPORT_ALL": "1",
        "GIT_CONFIG_NOSYSTEM": "1",
        "GIT_CONFIG_GLOBAL": "/dev/null",
        "REQUEST_METHOD": asked.command,
        "PATH_INFO": url.path,
        "QUERY_STRING": url.query,
        "REMOTE_USER": "someone",
        "CONTENT_TYPE": asked.headers.get("Content-Type", ""),
        "CONTENT_LENGTH": str(len(body)),
        "HTTP_CONTENT_ENCODING": asked.headers.get("Content-Encoding", ""),
        "GIT_PROTOCOL": asked.headers.get("Git-Protocol", ""),
    }
    program = Path(_EXEC) / "git-http-backend"
    done = subprocess.run([program], input=body, env=environment, capture_output=True, check=False)
    head, _, rest = done.stdout.partition(b"\r\n\r\n")
    fields = dict(line.split(": ", 1) for line in head.decode().splitlines())
    asked.send_response(int(fields.pop("Status", "200").split()[0]))
    fields["Content-Length"] = str(len(rest))
    for name, value in fields.items():
        asked.send_header(name, value)
    asked.end_headers()
    asked.wfile.write(rest)


def certificates(folder: Path) -> Path:
    """Of a server called localhost; `cacert.pem` vouches for it."""
    Authority(folder).issue("server", "localhost", "tls_www_server", 'dns_name = "localhost"')
    return folder
