"""A real S3 API on loopback, with one bucket."""

from __future__ import annotations

import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

BUCKET = "lake"
CREDENTIALS = {
    "aws_access_key_id": "testing",
    "aws_secret_access_key": "testing",
    "region_name": "eu-central-1",
}
PATIENCE = 60.0


@contextmanager
def s3_server() -> Iterator[str]:
    """Its address; the bucket is empty.

    A process of its own: deltalake waits for answers while it holds this one's interpreter lock.
    """
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    address = f"http://127.0.0.1:{port}"
    command = [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)]
    # its log is a line for each request
    server = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        _wait_for(port, server)
        files(address).mkdir(BUCKET)
        yield address
    finally:
        server.terminate()
        server.wait()


def _wait_for(port: int, server: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + PATIENCE
    while True:
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
        except OSError:
            assert server.poll() is None, f"the S3 API ended with {server.returncode}"
            assert time.monotonic() < deadline, "the S3 API did not start"
            time.sleep(0.05)
        else:
            return


def files(address: str) -> Any:
    """The bucket's files, read and deleted through the same API, with nothing remembered."""
    import s3fs

    return s3fs.S3FileSystem(
        key=CREDENTIALS["aws_access_key_id"],
        secret=CREDENTIALS["aws_secret_access_key"],
        endpoint_url=address,
        client_kwargs={"region_name": CREDENTIALS["region_name"]},
        use_listings_cache=False,
        skip_instance_cache=True,
    )
