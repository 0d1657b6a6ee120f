"""The commands that Thunderbird sends, in its order and spelling, from sign-in to IDLE (see docs/interop.md)."""

import base64

import pytest

from mailboxes.models import Account
from tests.mailboxes.imap.dialogue import Client, play
from tests.mailboxes.imap.service import ADDRESS, PASSWORD
from tests.mailboxes.imap.test_dialogues import BODY, CHUNKS, HELLO, _clean

__all__ = ["_clean"]

PLAIN = base64.b64encode(f"\0{ADDRESS}\0{PASSWORD}".encode()).decode()
HEADERS = (
    "From To Cc Bcc Subject Date Message-ID Priority X-Priority References Newsgroups In-Reply-To Content-Type"
    " Reply-To"
)
SELECTED = r"""
        S: * FLAGS <*>
        S: * {count} EXISTS
        S: * 0 RECENT
        S: * OK [PERMANENTFLAGS <*>
        S: * OK [MAILBOXID <*>
        S: * OK [UIDVALIDITY <*>
        S: * OK [UIDNEXT {next}] <*>
        S: * OK [HIGHESTMODSEQ <*>
"""
DIALOGUE = (
    rf"""
        C: 1 capability
        S: * CAPABILITY <*>AUTH=PLAIN<*>
        S: 1 OK <*>
        C: 2 authenticate PLAIN {PLAIN}
        S: 2 OK [CAPABILITY <*>CONDSTORE<*>] Logged in
        C: 3 ID ("name" "Thunderbird" "version" "115.9.0")
        S: * ID ("name" "mailadmin")
        S: 3 OK <*>
        C: 4 namespace
        S: * NAMESPACE (("" "/")) NIL NIL
        S: 4 OK <*>
        C: 5 lsub "" "*"
        S: * LSUB () "/" Archive
        S: * LSUB () "/" Drafts
        S: * LSUB () "/" INBOX
        S: * LSUB () "/" Junk
        S: * LSUB () "/" Sent
        S: * LSUB () "/" Trash
        S: 5 OK <*>
        C: 6 list (subscribed) "" "*" return (special-use)
        S: * LIST (\HasNoChildren \Subscribed \Archive) "/" Archive
        S: * LIST (\HasNoChildren \Subscribed \Drafts) "/" Drafts
        S: * LIST (\HasNoChildren \Subscribed) "/" INBOX
        S: * LIST (\HasNoChildren \Subscribed \Junk) "/" Junk
        S: * LIST (\HasNoChildren \Subscribed \Sent) "/" Sent
        S: * LIST (\HasNoChildren \Subscribed \Trash) "/" Trash
        S: 6 OK <*>
        C: 7 list "" "INBOX"
        S: * LIST (\HasNoChildren) "/" INBOX
        S: 7 OK <*>
        C: 9 append "INBOX" () {{{len(BODY)}}}
        S: + <*>
        C: {HELLO}
        S: 9 OK [APPENDUID <*>
        C: 10 select "INBOX" (CONDSTORE)"""
    + SELECTED.format(count=1, next=2)
    + rf"""
        S: * OK [UNSEEN 1] <*>
        S: 10 OK [READ-WRITE] <*>
        C: 12 UID fetch 1:* (FLAGS)
        S: * 1 FETCH (UID 1 FLAGS ())
        S: 12 OK <*>
        C: 13 UID fetch 1 (UID RFC822.SIZE FLAGS BODY.PEEK[HEADER.FIELDS ({HEADERS})])
        S: * 1 FETCH (UID 1 RFC822.SIZE {len(BODY)} FLAGS () BODY[HEADER.FIELDS ({HEADERS})] {{<*>Subject: hello<*>)
        S: 13 OK <*>
        C: 14 UID fetch 1 (UID RFC822.SIZE BODY.PEEK[])
        S: * 1 FETCH (UID 1 RFC822.SIZE {len(BODY)} BODY[] {{{len(BODY)}}}\r\n{HELLO})
        S: 14 OK <*>
        C: 15 uid store 1 +Flags (\Seen)
        S: * 1 FETCH (UID 1 FLAGS (\Seen) MODSEQ (<*>))
        S: 15 OK <*>
        C: 16 uid store 1 +Flags ($label1)
        S: * 1 FETCH (UID 1 FLAGS (\Seen $label1) MODSEQ (<*>))
        S: 16 OK <*>
        C: 17 uid fetch 1:* (FLAGS) (CHANGEDSINCE 1)
        S: * 1 FETCH (UID 1 FLAGS (\Seen $label1) MODSEQ (<*>))
        S: 17 OK <*>
        C: 18 uid copy 1 "Archive"
        S: 18 OK [COPYUID <*> 1 1] <*>
        C: 19 uid move 1 "Trash"
        S: * OK [COPYUID <*> 1 1] Moved
        S: * 1 EXPUNGE
        S: 19 OK <*>
        C: 20 append "Sent" (\Seen) {{{len(BODY)}}}
        S: + <*>
        C: {HELLO}
        S: 20 OK [APPENDUID <*> 1] <*>
        C: 21 create "Sent/Entw&APw-rfe"
        S: 21 OK <*>
        C: 22 subscribe "Sent/Entw&APw-rfe"
        S: 22 OK <*>
        C: 23 STATUS "Sent" (UIDNEXT MESSAGES UNSEEN RECENT)
        S: * STATUS Sent (UIDNEXT 2 MESSAGES 1 UNSEEN 0 RECENT 0)
        S: 23 OK <*>
        C: 24 close
        S: 24 OK <*>
        C: 25 select "Sent" (CONDSTORE)"""
    + SELECTED.format(count=1, next=2)
    + r"""
        S: 25 OK [READ-WRITE] <*>
        C: 26 UID SEARCH SUBJECT "hello" NOT DELETED
        S: * SEARCH 1
        S: 26 OK <*>
        C: 27 noop
        S: 27 OK <*>
        C: 28 IDLE
        S: + idling
        C: DONE
        S: 28 OK <*>
        C: 29 logout
        S: * BYE <*>
        S: 29 OK <*>
"""
)


@pytest.mark.parametrize("chunk", CHUNKS)
async def test_thunderbird_from_sign_in_to_idle(account: Account, chunk: int) -> None:
    client = Client(chunk=chunk)
    client.session.tls = True
    await client.read_until(rb"\A\* OK .*\r\n")
    await play(client, DIALOGUE)
    await client.close()
