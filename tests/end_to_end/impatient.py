"""The daemon, which does at once what else it does every minute or every few seconds: for `Daemon(before=…)`.

Its journal looks after its bounds from the first second on, its metering keeps and tells each second what is new.

python -m tests.end_to_end.impatient PYTHON -m monitor WORDS…
"""

import sys

from monitor.cli import main
from monitor.journal import trim
from monitor.metering import beside, consumer

if __name__ == "__main__":
    trim._FIRST_LOOK = 1.0  # a minute otherwise, and a test waits for it
    consumer._COMMIT_EVERY = 1.0  # type: ignore[misc]  # 15 otherwise
    beside.EVERY = 1000  # type: ignore[misc]  # a minute otherwise
    sys.argv = ["facility-monitor", *sys.argv[4:]]
    main()
