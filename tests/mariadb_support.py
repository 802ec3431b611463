"""A MariaDB server for tests, where its programs are installed (Debian's `mariadb-server-core`)."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path

import pytest

PATIENCE = 120.0


@contextmanager
def mariadb(folder: Path) -> Iterator[str]:
    """Runs a server on a socket in a folder; skips the test where there is none to run.

    Its texts are Latin, as nobody would have them who has to do with documents: what depends on
    the server's default shows.

    Yields:
        The address, without a database.
    """
    pymysql = pytest.importorskip("pymysql", reason="pymysql is not installed (extra `mysql`)")
    path = os.pathsep.join((os.environ.get("PATH", ""), "/usr/sbin"))
    server, install = (shutil.which(name, path=path) for name in ("mariadbd", "mariadb-install-db"))
    if server is None or install is None:
        pytest.skip("MariaDB is not installed (Debian: mariadb-server-core, mariadb-client-core)")
    base, data, place = Path(server).parent.parent, folder / "data", folder / "s.sock"
    common = ("--no-defaults", f"--basedir={base}", f"--datadir={data}")
    root = ("--user=root",) if os.geteuid() == 0 else ()
    subprocess.run(
        ["sh", install, *common, *root, "--auth-root-authentication-method=normal"],
        check=True,
        capture_output=True,
    )
    process = subprocess.Popen(
        [
            *(server, *common, *root, f"--socket={place}", "--skip-networking"),
            *("--character-set-server=latin1", "--collation-server=latin1_swedish_ci"),
            # a crash of the machine may cost what is written
            *("--innodb-flush-log-at-trx-commit=0", "--skip-log-bin"),
        ],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        deadline = time.monotonic() + PATIENCE
        while True:
            # pymysql loses a socket that it can't connect
            with suppress(OSError), closing(socket.socket(socket.AF_UNIX)) as probe:
                probe.connect(str(place))
                break
            assert process.poll() is None and time.monotonic() < deadline, "MariaDB did not start"
            time.sleep(0.1)
        connection = pymysql.connect(unix_socket=str(place), user="root")
        with connection, connection.cursor() as cursor:
            cursor.execute("CREATE USER loader@localhost IDENTIFIED BY 'geheim'")
            cursor.execute("GRANT ALL ON *.* TO loader@localhost")
        yield f"mysql+pymysql://loader:geheim@localhost/{{}}?unix_socket={place}"
    finally:
        process.terminate()
        process.wait(PATIENCE)
