"""The caps of the one bounded parser layer, counted before anything is parsed.

What exceeds a cap is never an error: it is described as opaque, stored as it came and still delivered.
"""

HEADER_BLOCK_OCTETS = 256 * 1024
FIELD_OCTETS = 64 * 1024
FIELDS = 1_000
ENCODED_WORDS = 100
LEVELS = 50
PARTS = 1_000
PARAMETERS = 200
ADDRESSES = 1_000
BOUNDARY_OCTETS = 256
PARSED_OCTETS = 2 * 1024 * 1024  # of header octets read in one message, all its parts together
BOUNDARY_LINES = 1_000_000  # lines that begin with two hyphens and were compared with the boundaries in force
