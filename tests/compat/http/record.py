"""Records the http scenarios of this directory from the reference: `python tests/compat/http/record.py [NAME...]`.

With `--check` nothing is written and differences are printed; see ../README.md.
"""

import os
import sys

FOLDER = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.dirname(FOLDER))

import engine  # noqa: E402

if __name__ == "__main__":
    sys.exit(engine.main(FOLDER, __doc__))
