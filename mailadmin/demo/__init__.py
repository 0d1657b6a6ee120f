"""Made-up domains with a year of reports, for a look at the pages; nothing of it is sent or asked of anybody."""
