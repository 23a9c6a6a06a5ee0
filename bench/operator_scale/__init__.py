"""The operator with many resources, on a real API server.

    make bench-operator
    make bench-operator BENCH_ARGS=--quick

See `__main__` for the options and for how to read the table.
"""
