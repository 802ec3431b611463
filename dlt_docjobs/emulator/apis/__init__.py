"""The providers' HTTP APIs: handlers from a call to an answer, and the routes that lead to them."""

from __future__ import annotations
