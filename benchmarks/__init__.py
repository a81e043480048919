"""What lash costs, measured: `python -m benchmarks decode` and `python -m benchmarks memory` print tables.

Numbers of two machines, or of two minutes on one machine, do not compare. So every row is measured in rounds, each of
which runs every contender once, and a ratio is the median of the ratios taken inside a round. Nothing here is asserted
in a test: a slow machine is no defect.
"""

from __future__ import annotations
