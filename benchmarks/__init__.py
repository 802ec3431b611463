"""The benchmark: our sync, its rivals and the ceiling, over answers that the emulator has made.

    python -m benchmarks --quick

Not a part of the installed package: it runs from a checkout (docs/performance.md).
"""
