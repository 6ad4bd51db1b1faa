"""Why a step failed, from what it wrote; and the one change that should mend it.

The road: `reading` finds the exceptions in a log, `rules` holds the tables by kind of trouble, `diagnose` asks them in
order, the most certain first. Nothing here knows of retries: `planner/healing.py` decides whether a change is made.
"""

from pullet.analysis.diagnosis.diagnose import diagnose as diagnose
from pullet.analysis.diagnosis.facts import Facts as Facts
