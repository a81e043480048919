"""lash for blocking code: client, driver and transports."""

from __future__ import annotations

from . import driver as driver
from . import transports as transports
