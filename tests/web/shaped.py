"""Whether an answer has the shape that the description of the API gives it."""

from typing import Any, TypeVar

from pydantic import BaseModel

__all__ = ["shaped"]

M = TypeVar("M", bound=BaseModel)


def shaped(model: type[M], told: Any) -> M:
    """The model of an answer: nothing lacks, nothing is there that is not described, nothing has another type."""
    found = model.model_validate(told)
    assert found.model_dump(mode="json") == told
    return found
