"""What lash costs, measured: `python -m benchmarks NAME ...` prints tables, `make bench` all of them.

Numbers of two machines, or of two minutes on one machine, do not compare. So every row is measured in rounds, each of
which runs every contender once, and a ratio is the median of the ratios taken inside a round. Times are CPU times where
nothing else is said. Nothing here is asserted in a test: a slow machine is no defect.

A file makes one kind of table. `rounds` measures, `tables` prints and plots, `streams` has what is read, `peers` what
others use, `clients` and `server` what talks over loopback. This package is also run with the Pythons of the peers,
which have nothing of lash: what they import is at the top of a file only where everybody has it.
"""

from __future__ import annotations
