"""The REST calls on domains: names, records, keys, reports, traces, administrators and tokens."""
