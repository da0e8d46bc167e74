"""Bulk blacklist sync: the wanted side is read, held against the other side, and carried out."""
