"""Those who load the jobs: each is a module that runs as a process of its own.

    python -m benchmarks.contestants.ours TASK

TASK is a `Task` as JSON. The last line on standard output is an `Outcome` as JSON.
"""
