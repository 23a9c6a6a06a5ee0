"""Patterns for the names of Kubernetes objects, of their keys, and of labels."""

from typing import Annotated

from pydantic import Field

ObjectName = Annotated[
    str,
    Field(min_length=1, max_length=253, pattern=r"^[a-z0-9]([a-z0-9.-]*[a-z0-9])?$"),
]
DataKey = Annotated[str, Field(min_length=1, max_length=253, pattern=r"^[-._a-zA-Z0-9]+$")]
"""A key of a Secret or a ConfigMap."""

LabelValue = Annotated[str, Field(max_length=63, pattern=r"^([A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?)?$")]
QualifiedName = Annotated[str, Field(min_length=1, max_length=317, pattern=r"^[-._a-zA-Z0-9]+(/[-._a-zA-Z0-9]+)?$")]
"""The key of a label or a taint, with or without a domain."""
