"""The errors of the house, named by who must act.

FacilityMonitorError
 ├── SettingsError        the operator edits a file; commands exit 78
 ├── DeviceError
 │    ├── DeviceUnreachable   nobody answered: the poller tries again with backoff
 │    └── DeviceRefused       the device answered no: the same request is not repeated
 ├── JournalError         the disk or the file: nothing is acknowledged until it is mended
 ├── SinkError
 │    ├── SinkUnavailable     the journal keeps the batch; tried again for ever
 │    └── SinkRejected        these lines will never be taken: dead letters
 ├── ChannelError
 │    ├── ChannelUnavailable  try the notification again later
 │    └── ChannelRejected     this address will never take it
 ├── ReportUnavailable    build the report again later
 └── RequestRefused       a person asked for something that cannot be done; says why
      └── TooManyAsk          others ask for the same at once: it may be asked for again
"""

from monitor.wording import Sentence, Translate

__all__ = [
    "ChannelError",
    "ChannelRejected",
    "ChannelUnavailable",
    "DeviceError",
    "DeviceRefused",
    "DeviceUnreachable",
    "FacilityMonitorError",
    "JournalError",
    "ReportUnavailable",
    "RequestRefused",
    "SettingsError",
    "SinkError",
    "SinkRejected",
    "SinkUnavailable",
    "TooManyAsk",
]


class FacilityMonitorError(Exception):
    """Root of every error this project raises on purpose."""


class SettingsError(FacilityMonitorError):
    """A file of settings is wrong; the message says what, where and what is allowed."""


class DeviceError(FacilityMonitorError):
    """A device gave no usable answer."""


class DeviceUnreachable(DeviceError):
    """Nobody answered in time, or the connection is down; retry with backoff."""


class DeviceRefused(DeviceError):
    """The device answered that it will not; do not repeat the same request. `code`: the exception's, if any."""

    def __init__(self, message: str, code: int = 0) -> None:
        super().__init__(message)
        self.code = code


class JournalError(FacilityMonitorError):
    """The journal or the state could not be read or written."""


class SinkError(FacilityMonitorError):
    """A sink did not take a batch."""


class SinkUnavailable(SinkError):
    """The sink cannot take anything now; `retry_after` is its own wish in seconds, if it said one.

    `maybe_taken` when a request is not answered in time: it may be worked off later.
    """

    def __init__(self, message: str, *, retry_after: float | None = None, maybe_taken: bool = False) -> None:
        super().__init__(message)
        self.retry_after = retry_after
        self.maybe_taken = maybe_taken


class SinkRejected(SinkError):
    """The sink will never take these lines as they are."""


class ChannelError(FacilityMonitorError):
    """A notification was not delivered."""


class ChannelUnavailable(ChannelError):
    """The channel cannot deliver now; `maybe_delivered` when a time-out leaves that open.

    `answered`: the service works, and puts off only this.
    """

    def __init__(self, message: str, *, maybe_delivered: bool = False, answered: bool = False) -> None:
        super().__init__(message)
        self.maybe_delivered = maybe_delivered
        self.answered = answered


class ChannelRejected(ChannelError):
    """The channel will never deliver this."""


class ReportUnavailable(FacilityMonitorError):
    """A report cannot be built now; nothing of it is lost."""


class RequestRefused(FacilityMonitorError):
    """What a person asked for cannot be done. `sentence` says why: English as `str`, any language by `said`."""

    def __init__(self, sentence: Sentence) -> None:
        super().__init__(sentence)
        self.sentence = sentence

    def said(self, translate: Translate) -> str:
        """Why it cannot be done, in the language of who reads."""
        return self.sentence.said(translate)


class TooManyAsk(RequestRefused):
    """Others ask for the same at once, and it is lent to one at a time; ask again a little later."""
