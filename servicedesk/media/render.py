"""The other side of ``workers.py``: a process that looks into files which may be hostile.

It opens one file at a time, read only, answers over a pipe, and may die of it: nothing else hangs on it. What reads
files of one sort is a module of its own, imported here alone; each imports its decoder when a file asks for it.
"""

from servicedesk.media import archives, documents, errands, mail, pictures, source
from servicedesk.media.jobs import (
    AnyJob,
    Draw,
    Highlight,
    Inspect,
    ListEntries,
    Mark,
    ReadDocument,
    ReadMail,
    ReadPdf,
    Report,
)


def perform(job: AnyJob) -> Report:
    match job:
        case Inspect():
            return pictures.inspect(job)
        case Draw():
            return pictures.draw(job)
        case ReadPdf():
            return pictures.read_pdf(job)
        case ListEntries():
            return archives.list_entries(job)
        case Highlight():
            return source.highlight(job)
        case Mark():
            return source.mark(job)
        case ReadMail():
            return mail.read_mail(job)
        case ReadDocument():
            return documents.read_document(job)


if __name__ == "__main__":
    errands.main(AnyJob, perform)
