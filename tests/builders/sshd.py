"""An OpenSSH server for one test: own keys, own port, on this machine alone."""

from __future__ import annotations

import getpass
import os
import shutil
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.builders.waiting import until

SSHD = shutil.which("sshd") or ("/usr/sbin/sshd" if Path("/usr/sbin/sshd").exists() else None)
SEPARATION = Path("/run/sshd")  # that a server of root's wants to be there
CONFIG = """\
ListenAddress 127.0.0.1
Port {port}
HostKey {folder}/host
AuthorizedKeysFile {folder}/user.pub
PidFile {folder}/pid
StrictModes no
UsePAM no
PasswordAuthentication no
PermitRootLogin prohibit-password
PermitTTY yes
PrintMotd no
PrintLastLog no
SetEnv LC_ALL=C.UTF-8
"""


def why_not() -> str:
    """Why no server can be started here; empty when one can."""
    missing = [name for name in ("ssh", "ssh-keygen", "tmux") if shutil.which(name) is None]
    missing += [] if SSHD else ["sshd"]
    return f"there is no {', no '.join(missing)}" if missing else ""


@contextmanager
def sshd(folder: Path) -> Iterator[list[str]]:
    """Serve until the block ends; the words of an `ssh -t` to it, a command to follow."""
    folder.mkdir()
    for name in ("host", "user"):
        keygen = ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(folder / name)]
        subprocess.run(keygen, check=True)
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    if os.geteuid() == 0:
        SEPARATION.mkdir(mode=0o755, exist_ok=True)
    (folder / "config").write_text(CONFIG.format(port=port, folder=folder))
    host = (folder / "host.pub").read_text()
    (folder / "known").write_text(f"[127.0.0.1]:{port} {host}")
    server = subprocess.Popen(
        [str(SSHD), "-D", "-e", "-f", str(folder / "config")],
        stdin=subprocess.DEVNULL,
        stderr=(folder / "log").open("w"),
    )
    try:
        until(lambda: "Server listening" in (folder / "log").read_text(), "sshd listens")
        yield [
            *("ssh", "-F", "/dev/null", "-t", "-q", "-p", str(port), "-i", str(folder / "user")),
            *("-o", "IdentitiesOnly=yes", "-o", f"UserKnownHostsFile={folder / 'known'}"),
            f"{getpass.getuser()}@127.0.0.1",
        ]
    finally:
        server.terminate()
        server.wait()
