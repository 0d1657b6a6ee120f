"""The statements that put one message into one mailbox: alone, or with the trace that it has for itself.

The account's row is locked first (the lock order in docs/architecture.md), then the folder's; UID and MODSEQ are
taken from the folder. No row comes back when the account is full, switched off or gone: then nothing was written.
"""

_PLACE = """
WITH account AS (
    UPDATE mailboxes_account SET used_bytes = used_bytes + %(size)s::bigint, messages_count = messages_count + 1
    WHERE id = %(account)s AND enabled AND (quota_bytes IS NULL OR used_bytes + %(size)s <= quota_bytes)
    RETURNING id
), folder AS (
    UPDATE mailboxes_mailbox m SET uid_next = uid_next + 1, highest_modseq = highest_modseq + 1,
        messages_count = m.messages_count + 1, unseen_count = unseen_count + 1, size_bytes = size_bytes + %(size)s
    FROM account
    WHERE m.id = (
        SELECT id FROM mailboxes_mailbox WHERE account_id = %(account)s AND name IN (%(folder)s, 'INBOX')
        ORDER BY name = %(folder)s DESC LIMIT 1)
    RETURNING m.id, m.name, m.uid_next - 1 AS uid, m.highest_modseq AS modseq
), blob AS (
    INSERT INTO mailboxes_blob (account_id, sha256, size, data)
    SELECT account.id, %(digest)s::bytea, %(size)s, %(data)s::bytea FROM account WHERE %(blob)s::bigint IS NULL
    RETURNING id
), message AS (
    INSERT INTO mailboxes_message (mailbox_id, uid, modseq, flags, internal_date, save_date, size, header_octets,
        envelope, body, body_structure, blob_id, trace_id)
    SELECT folder.id, folder.uid, folder.modseq, '{}', %(received_at)s::timestamptz, now(), %(size)s,
        %(header_octets)s, %(envelope)s::bytea, %(body)s::bytea, %(body_structure)s::bytea,
        coalesce(%(blob)s::bigint, (SELECT id FROM blob)), %(trace_id)s::text
    FROM folder
)
"""

# The trace's last event, the delivery, is completed here, since only the statement knows the folder and the UID.
_TRACE = """
, trace AS (
    INSERT INTO domains_trace (id, direction, message_id, mail_from, recipients, domains, received_at, outcome,
        client_address, terms, pending_events)
    SELECT %(trace_id)s, %(direction)s, %(message_id)s, %(mail_from)s, %(recipients)s::text[], %(domains)s::text[],
        %(trace_received_at)s::timestamptz, %(outcome)s, %(client_address)s::inet,
        %(terms)s::text[],
        %(events)s::jsonb || (%(event)s::jsonb || jsonb_build_object(
            'reason', %(reason)s::text || folder.name || '.',
            'detail', (%(event)s::jsonb -> 'detail')
                || jsonb_build_object('folder', folder.name, 'uid', folder.uid::text)))
    FROM folder
)
"""

_WHERE = "SELECT id, name, uid FROM folder"

# %(data)s is NULL when the bytes stand in a blob of their own, then %(blob)s names it.
DELIVER = _PLACE + _WHERE
DELIVER_WITH_TRACE = _PLACE + _TRACE + _WHERE
