"""Reduction potentials of quinones by extended tight binding: a robot that is a computation.

Importing this package loads neither RDKit nor tblite: they live in a child process.
"""

from moonloop.lab_adapters.xtb.adapter import XtbAdapter, XtbOptions, build

__all__ = ["XtbAdapter", "XtbOptions", "build"]
