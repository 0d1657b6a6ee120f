"""The schema of antispam."""
