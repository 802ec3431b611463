"""Answers that hold a result become Arrow: in this process, or in a helper process beside it.

Whoever asks a provider has a `reader`, and need not know where an answer is read: here, or in the
`helper`, another process, through its `pipe`. What it becomes stands in `results`.
"""
