"""The extract stage's work on one chunk: WARC bytes to rows, in a child that may die.

``rows`` judges one capture, ``child`` is the process that reads and judges, ``supervise`` the
parent that outlives it, ``chunk`` the whole: rows to sorted, committed tables.
"""
