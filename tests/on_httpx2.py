"""Loaded before everything else (``-p tests.on_httpx2``), it lets all the tests run on httpx2."""

from __future__ import annotations

import httpx2

httpx2.alias_httpx()
