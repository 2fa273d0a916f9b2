"""A study as the file that `lab run` takes."""

from __future__ import annotations

from typing import Any

import tomli_w

from lab.methods.spec import Study


def study_toml(study: Study) -> str:
    """TOML that `lab run` reads as the same study; methods of the study's own say only what is not the default."""
    content: dict[str, Any] = study.model_dump(mode="json", exclude_none=True, exclude={"method"})
    own = {
        name: method.model_dump(mode="json", exclude_none=True, exclude_defaults=True)
        for name, method in study.method.items()
    }
    return tomli_w.dumps(content | ({"method": own} if own else {}))
