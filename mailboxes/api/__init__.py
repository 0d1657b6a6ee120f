"""The REST calls on mailboxes, aliases and the queue."""
