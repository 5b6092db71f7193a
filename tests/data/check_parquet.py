"""Reads a file of test_parquet_write.c with pyarrow and says whether every row is as the test wrote it.

    python3 tests/data/check_parquet.py tests/data/parquet/rows.parquet      # pip install pyarrow
"""
import sys

import pyarrow.parquet

file = pyarrow.parquet.ParquetFile(sys.argv[1])
expected = [
    {
        "user": f"u{n}" if n % 2 == 0 else f"ü-{n}",
        "items": [f"item {n * 10 + i}" for i in range(n % 4)],
        "scores": [-0.5 * (n + i) for i in range(n % 4)],
        "age": n - 3,
    }
    for n in range(21)
]
if file.read().to_pylist() != expected:
    sys.exit(f"{sys.argv[1]}: other rows than expected: {file.read().to_pylist()}")
print(f"{file.num_row_groups} row groups, {len(expected)} rows, pyarrow {pyarrow.__version__}")
