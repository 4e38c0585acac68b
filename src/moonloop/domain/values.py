"""The two bases of every value: what we take in, and what clients read."""

from pydantic import BaseModel, ConfigDict

__all__ = ["Reply", "Scalar", "Value"]

Scalar = str | int | float | bool


class Value(BaseModel):
    """A frozen, validated value; an unknown field is an error, and so are NaN and infinities."""

    model_config = ConfigDict(
        frozen=True,
        extra="forbid",
        allow_inf_nan=False,
        validate_default=True,
        use_attribute_docstrings=True,
    )


class Reply(Value):
    """A value that a client reads; unknown fields are ignored, so that the server may add some."""

    model_config = ConfigDict(extra="ignore")
