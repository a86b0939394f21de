"""The engine of the online book: from MyST chapters to a site that needs no kernel."""

import sys

# nbformat loads jsonschema, which compiles a grammar of addresses for five seconds if this is
# installed; no notebook holds what it would check.
sys.modules.setdefault("rfc3987_syntax", None)  # type: ignore[arg-type]
