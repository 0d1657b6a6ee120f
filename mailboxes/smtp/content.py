"""DATA and BDAT: the message comes in, is held against what no handler is asked about, and handed over.

RFC 5321 section 4.1.1.4, RFC 3030. The octets that BDAT names are read whatever the answer, and never as commands;
where nobody can tell how many there are, the session ends.
"""

from aiosmtpd.smtp import syntax

from mailboxes.smtp.chunks import ChunkReader
from mailboxes.smtp.dialogue import SmtpDialogue
from mailboxes.smtp.lines import DataReader
from mailboxes.smtp.port import Content, Transaction
from mailboxes.smtp.replies import Reply
from mailboxes.smtp.wire import Gone, logger

OK = Reply(250, "2.0.0", "OK")
BARE_CONTENT = Reply(550, "5.6.0", "The message has a bare CR or LF; its lines must end with CRLF")
NUL_CONTENT = Reply(550, "5.6.0", "The message has a NUL octet")
NO_ROOM = Reply(452, "4.3.1", "There is no room for the message at the moment; try again later")
NO_SENDER = Reply(503, "5.5.1", "Say MAIL FROM first")
NO_RECIPIENT = Reply(554, "5.5.1", "There are no valid recipients")
CHUNKS_BEGUN = Reply(503, "5.5.1", "The message has begun with BDAT; it ends with BDAT LAST, or RSET gives it up")
BAD_CHUNK = Reply(501, "5.5.4", "BDAT needs a number of octets, and perhaps LAST", close=True)
SMALL_CHUNK = 4096
_DIGITS = 12


class ContentCommands(SmtpDialogue):
    """The two commands that carry a message; ``normalise`` mends bare line ends instead of refusing them."""

    normalise = False

    def too_big(self) -> Reply:
        """Return the refusal of a message over the limit."""
        return Reply(552, "5.3.4", f"The message is larger than {self.limits.message_octets} octets")

    @syntax("DATA")
    async def smtp_DATA(self, arg: str) -> None:
        """Receive the message and hand it over."""
        transaction = self.transaction
        if arg:
            await self._refuse(Reply(501, "5.5.4", "DATA takes no argument"), "data")
        elif self.chunks is not None:
            await self._refuse(CHUNKS_BEGUN, "data")
        elif transaction is None:
            await self._refuse(NO_SENDER, "data")
        elif not transaction.forward_paths:
            await self._refuse(NO_RECIPIENT, "data")
        else:
            self.write(b"354 End with CRLF.CRLF\r\n")
            reader = DataReader(self.lines.octets, self.limits.message_octets, self.normalise)
            try:
                await self._receive(reader)
                await self._hand_over(transaction, reader)
            finally:
                reader.close()
            await self._reset()

    async def _receive(self, reader: DataReader) -> None:
        """Read to the end of DATA; what is far too long is refused before its end."""
        while not reader.advance():
            if reader.hopeless:
                await self._end(Reply(552, "5.3.4", self.too_big().text, close=True), "data")
                raise Gone
            await self.wait_for_octets(self.limits.data_seconds)
        self.lines.restart()

    async def _hand_over(self, transaction: Transaction, reader: DataReader | ChunkReader) -> None:
        """Refuse what cannot be taken at all, else let the handler decide; answers either way."""
        reply = self._content_refusal(reader)
        if reply is not None:
            await self._tell_refused("data", reply)
        else:
            content = Content(reader.spool.file, reader.size, reader.bare)
            reply = await self._ask(self.handler.data(self.smtp_session, transaction, content))
        self._push(reply or OK)
        if reply is not None and reply.positive:
            self.spent.junk = self.recipients_tried = 0

    def _content_refusal(self, reader: DataReader | ChunkReader) -> Reply | None:
        """Return why the message cannot be taken at all."""
        if reader.too_big:
            return self.too_big()
        if reader.bare and not self.normalise:
            return BARE_CONTENT
        if reader.has_nul:
            return NUL_CONTENT
        if reader.spool.fault is not None:
            logger.warning("smtp %s: not spooled: %s", self.smtp_session.id, reader.spool.fault)
            return NO_ROOM
        return None

    @syntax("BDAT octets [LAST]")
    async def smtp_BDAT(self, arg: str) -> None:
        """Receive one chunk; the last one hands the message over."""
        octets, last = _chunk_argument(arg)
        if octets is None:
            await self._end(BAD_CHUNK, "data")
            return
        if octets > 2 * self.limits.message_octets:
            await self._end(Reply(552, "5.3.4", self.too_big().text, close=True), "data")
            return
        if octets < SMALL_CHUNK and not last:  # a large message in such chunks costs minutes
            self.spent.junk += 1
        transaction = self.transaction
        refusal = self._chunk_refusal(transaction)
        if refusal is not None or transaction is None:
            await self._read_chunk(octets, None)
            await self._refuse(refusal or NO_SENDER, "data")
            return
        if self.chunks is None:
            self.chunks = ChunkReader(self.limits.message_octets, self.normalise)
        reader = self.chunks
        await self._read_chunk(octets, reader)
        if last:
            reader.finish()
        if not last and not reader.too_big:
            self._push(Reply(250, "2.0.0", f"{octets} octets received"))
            await self._exhausted("data")
            return
        await self._hand_over(transaction, reader)
        await self._reset()

    def _chunk_refusal(self, transaction: Transaction | None) -> Reply | None:
        if transaction is None:
            return NO_SENDER
        return None if transaction.forward_paths else NO_RECIPIENT

    async def _read_chunk(self, left: int, reader: ChunkReader | None) -> None:
        """Read exactly so many octets; without a reader they are dropped."""
        waiting = self.lines.octets
        while left:
            if not waiting:
                await self.wait_for_octets(self.limits.data_seconds)
                continue
            taken = bytes(waiting[:left])
            del waiting[: len(taken)]
            left -= len(taken)
            if reader is not None:
                reader.take(taken)
        self.lines.restart()


def _chunk_argument(argument: str) -> tuple[int | None, bool]:
    """Return the octets and whether it is the last chunk; None for octets that are no number."""
    words = argument.split()
    last = len(words) == 2 and words[1].upper() == "LAST"
    valid = words and words[0].isascii() and words[0].isdigit() and len(words[0]) <= _DIGITS
    if not valid or len(words) > 2 or (len(words) == 2 and not last):
        return None, False
    return int(words[0]), last
