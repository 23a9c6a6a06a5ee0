"""The speed of the ingester beside that of an earlier commit, its floors, its stages, and its delays.

    make bench
    make bench BENCH_ARGS="--quick --only firehose"

See `__main__` for the options, and `replay` for the source of all measurements.
"""
