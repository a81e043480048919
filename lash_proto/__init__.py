"""The core of lash: requests become bytes and bytes become events. It decides everything and touches nothing."""

from __future__ import annotations

__version__ = "0.1.0"
