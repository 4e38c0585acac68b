"""Small matrices are many times faster on one thread; the setting is read when numpy is first loaded."""

import os

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
