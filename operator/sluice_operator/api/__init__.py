"""The resources as pydantic models. The CRDs are generated from them."""
