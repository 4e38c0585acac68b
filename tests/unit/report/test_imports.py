"""What importing the report costs."""

import subprocess
import sys


def test_importing_the_report_loads_nothing_heavy() -> None:
    """A server may import the report; matplotlib, RDKit and jinja2 come with the first report made."""
    program = (
        "import sys, moonloop.report;"
        "print(sorted({'matplotlib', 'rdkit', 'jinja2', 'numpy', 'scipy'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
