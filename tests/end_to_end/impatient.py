"""The daemon, with a journal that looks after its bounds from the first second on: for `Daemon(before=…)`.

python -m tests.end_to_end.impatient PYTHON -m monitor WORDS…
"""

import sys

from monitor.cli import main
from monitor.journal import trim

if __name__ == "__main__":
    trim._FIRST_LOOK = 1.0  # a minute otherwise, and a test waits for it
    sys.argv = ["facility-monitor", *sys.argv[4:]]
    main()
