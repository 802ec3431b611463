"""A signal is never lost, whoever handles it."""

from __future__ import annotations

import signal
import subprocess
import sys

import pytest
from cli_support import wait_until
from dlt.common.runtime import signals

from dlt_docjobs import RunRequest
from dlt_docjobs.cli.interrupt import Interrupt

NUMBERS = [signal.SIGINT, signal.SIGTERM]


@pytest.mark.parametrize("number", NUMBERS)
def test_the_first_signal_asks_the_run_to_stop(number: signal.Signals) -> None:
    interrupt, request = Interrupt(), RunRequest()
    before = signal.getsignal(number)
    with interrupt.installed():
        interrupt.watch(request)
        signal.raise_signal(number)
        wait_until(lambda: request.stop_reason is not None)
    assert (interrupt.signal, request.stop_reason) == (number, number.name)
    assert signal.getsignal(number) is before


@pytest.mark.parametrize("number", NUMBERS)
def test_a_signal_that_dlt_has_taken_and_forgotten_is_known(number: signal.Signals) -> None:
    interrupt, request = Interrupt(), RunRequest()
    with interrupt.installed():
        interrupt.watch(request)
        with signals.intercepted_signals():
            signal.raise_signal(number)
        assert not signals.was_signal_received(), "dlt has forgotten it"
        wait_until(lambda: request.stop_reason is not None)
        later = RunRequest()
        interrupt.watch(later)
        assert later.stop_reason == number.name, "the next account's sync does not begin"
    assert interrupt.signal == number


def test_no_signal_is_none() -> None:
    interrupt = Interrupt()
    with interrupt.installed():
        pass
    assert interrupt.signal is None


@pytest.mark.parametrize("wrapped", ["contextlib.nullcontext", "signals.intercepted_signals"])
def test_the_second_signal_ends_the_process(wrapped: str) -> None:
    script = f"""
import contextlib, signal, sys, time
from dlt.common.runtime import signals
from dlt_docjobs.cli.interrupt import Interrupt
with Interrupt().installed(), {wrapped}():
    print("ready", flush=True)
    for _ in range(600):
        time.sleep(0.1)
"""
    with subprocess.Popen(
        [sys.executable, "-c", script], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None and process.stderr is not None
        assert process.stdout.readline() == "ready\n"
        process.send_signal(signal.SIGTERM)
        with pytest.raises(subprocess.TimeoutExpired):
            process.wait(1)
        process.send_signal(signal.SIGTERM)
        assert process.wait(60) == -signal.SIGTERM
