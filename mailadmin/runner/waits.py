"""How long a start waits for what others run."""

DATABASE_SECONDS = 30.0
