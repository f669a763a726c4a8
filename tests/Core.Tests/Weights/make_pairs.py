"""Pairs of arrays as the course's mnist.pkl.gz has them, small: writes pairs.pkl.gz (protocol 2) and pairs4.pkl (4) beside this file.

    python3 make_pairs.py
"""
import gzip
import pathlib
import pickle

import numpy as np


def pair(count, dtype):
    x = (np.arange(count * 3, dtype=np.float64) / 4 - 1).reshape(count, 3).astype(dtype)
    return x, np.arange(count, dtype=np.int64)


columns = np.asfortranarray(pair(2, np.float32)[0])
pairs = (pair(4, np.float32), pair(3, np.float64), (columns, np.array([7, 255], dtype=np.uint8)))
here = pathlib.Path(__file__).parent
with gzip.GzipFile(here / "pairs.pkl.gz", "wb", mtime=0) as file:
    pickle.dump(pairs, file, protocol=2)
(here / "pairs4.pkl").write_bytes(pickle.dumps(pairs, protocol=4))
