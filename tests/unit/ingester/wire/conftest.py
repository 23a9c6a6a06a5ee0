"""Fuzzing without a deadline for a single example: machines that test are often busy."""

from hypothesis import settings

settings.register_profile("wire", deadline=None)
settings.load_profile("wire")
