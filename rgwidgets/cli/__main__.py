"""`python -m rgwidgets.cli`, for environments whose scripts are not on the path."""

from . import main

raise SystemExit(main())
